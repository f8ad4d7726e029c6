// The one dependency: libsodium, compiled to WebAssembly.
import sodium from "libsodium-wrappers";

await sodium.ready;
export default sodium;

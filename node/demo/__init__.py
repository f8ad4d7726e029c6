"""The main job on this machine, real in every part: three nodes and a stand-in for a cloud (`islandrun demo`)."""

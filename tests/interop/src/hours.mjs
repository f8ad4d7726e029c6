// specs/09-decision.md, "Hours": whether a minute of the week is one of a list of texts.
import { check, list, text } from "./input.mjs";

const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const DAY = 24 * 60;
const FORM = /^(?:([A-Za-z,-]+) )?([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|(24):(00))$/;

function daysOf(words, where) {
  const found = new Set();
  for (const part of words.split(",")) {
    const [first, last = first, more] = part.split("-").map((word) => DAYS.indexOf(word));
    check(more === undefined && first >= 0 && last >= 0, where, "days such as Mon-Fri");
    for (let day = first; ; day = (day + 1) % 7) {
      found.add(day);
      if (day === last) break;
    }
  }
  return [...found];
}

function spans(value, where) {
  const match = FORM.exec(text(value, where));
  check(match, where, "hours such as Mon-Fri 08:00-18:00");
  const [, days = "Mon-Sun", beginHour, beginMinute, ...end] = match;
  const [endHour, endMinute] = end.filter((part) => part !== undefined).map(Number);
  const from = Number(beginHour) * 60 + Number(beginMinute);
  const to = endHour * 60 + endMinute;
  check(from !== to, where, "hours that begin before they end");
  const length = to > from ? to - from : to - from + DAY;
  return daysOf(days, where).map((day) => [day * DAY + from, length]);
}

// A rule for input: gives a function of the minute, null where it is unknown.
export const hours = (value, where) => {
  const all = list((each, at) => spans(each, at))(value, where).flat();
  return (minute) => minute !== null && all.some(([from, length]) => (minute - from + 7 * DAY) % (7 * DAY) < length);
};

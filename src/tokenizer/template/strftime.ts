/** Dates as Python's strftime writes them in the C locale, glibc's flags included. */

const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

const codes: Record<string, (date: Date) => string | [number: number, width: number, fill?: string]> = {
  a: (date) => (days[date.getDay()] as string).slice(0, 3),
  A: (date) => days[date.getDay()] as string,
  b: (date) => (months[date.getMonth()] as string).slice(0, 3),
  B: (date) => months[date.getMonth()] as string,
  c: (date) => strftime("%a %b %e %H:%M:%S %Y", date),
  C: (date) => [Math.floor(date.getFullYear() / 100), 2],
  d: (date) => [date.getDate(), 2],
  D: (date) => strftime("%m/%d/%y", date),
  e: (date) => [date.getDate(), 2, " "],
  f: (date) => [date.getMilliseconds() * 1000, 6],
  F: (date) => strftime("%Y-%m-%d", date),
  g: (date) => [isoWeek(date).year % 100, 2],
  G: (date) => [isoWeek(date).year, 4],
  h: (date) => strftime("%b", date),
  H: (date) => [date.getHours(), 2],
  I: (date) => [date.getHours() % 12 || 12, 2],
  j: (date) => [dayOfYear(date), 3],
  k: (date) => [date.getHours(), 2, " "],
  l: (date) => [date.getHours() % 12 || 12, 2, " "],
  m: (date) => [date.getMonth() + 1, 2],
  M: (date) => [date.getMinutes(), 2],
  n: () => "\n",
  p: (date) => (date.getHours() < 12 ? "AM" : "PM"),
  P: (date) => (date.getHours() < 12 ? "am" : "pm"),
  r: (date) => strftime("%I:%M:%S %p", date),
  R: (date) => strftime("%H:%M", date),
  s: (date) => [Math.floor(date.getTime() / 1000), 1],
  S: (date) => [date.getSeconds(), 2],
  t: () => "\t",
  T: (date) => strftime("%H:%M:%S", date),
  u: (date) => [date.getDay() || 7, 1],
  U: (date) => [Math.floor((dayOfYear(date) + 6 - date.getDay()) / 7), 2],
  V: (date) => [isoWeek(date).week, 2],
  w: (date) => [date.getDay(), 1],
  W: (date) => [Math.floor((dayOfYear(date) + 6 - ((date.getDay() + 6) % 7)) / 7), 2],
  x: (date) => strftime("%m/%d/%y", date),
  X: (date) => strftime("%H:%M:%S", date),
  y: (date) => [date.getFullYear() % 100, 2],
  Y: (date) => [date.getFullYear(), 1],
  // Python's dates have no zone unless they are given one.
  z: () => "",
  Z: () => "",
  "%": () => "%",
};

/** @param format Python's codes, with "-", "_", "0", "^" behind the percent sign as glibc has them. */
export function strftime(format: string, date: Date): string {
  return format.replace(/%([-_0^#]?)(\d{0,2})([a-zA-Z%])/g, (all, flag: string, size: string, code: string) => {
    const made = codes[code]?.(date);
    if (made === undefined) return all;
    const upper = flag === "^" || (flag === "#" && code !== "p");
    if (typeof made === "string") return upper ? made.toUpperCase() : made;
    const [number, width, fill = "0"] = made;
    if (flag === "-") return String(number);
    const padding = flag === "_" ? " " : flag === "0" ? "0" : fill;
    return String(number).padStart(size === "" ? width : Number(size), padding);
  });
}

function dayOfYear(date: Date): number {
  const start = Date.UTC(date.getFullYear(), 0, 1);
  return Math.round((Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) - start) / 86_400_000) + 1;
}

/** The week that holds the year's first Thursday is the first. */
function isoWeek(date: Date): { year: number; week: number } {
  const thursday = new Date(date.getFullYear(), date.getMonth(), date.getDate() + 4 - (date.getDay() || 7));
  return { year: thursday.getFullYear(), week: Math.ceil(dayOfYear(thursday) / 7) };
}

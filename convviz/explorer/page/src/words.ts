/** Numbers and places as text, written as in the plans: true minus signs, no trailing zeros. */

/** A number of at most four digits behind the point; null is a cell that holds nothing. */
export function number(value: number | null): string {
  if (value === null) return "−∞";
  if (Number.isInteger(value)) return String(value).replace("-", "−");
  const small = Math.abs(value) < 0.001 ? value.toPrecision(3) : value.toFixed(4);
  return String(Number(small)).replace("-", "−");
}

/** The same where there is little room: two digits behind the point, or as many as so many signs can hold. */
export function short(value: number | null, room = Infinity): string {
  if (value === null || Number.isInteger(value)) return number(value);
  const to = (digits: number): string => number(Number(value.toFixed(digits)));
  const least = Math.abs(value) < 1 ? to(1).replace("0.", ".") : to(0); // −.7, −2
  return [to(2), to(1)].find((text) => text.length <= room) ?? least;
}

/** The same inside a sum or product: negative ones in parentheses. */
export function inner(value: number | null): string {
  const text = number(value);
  return text.startsWith("−") ? `(${text})` : text;
}

/** `(1, 2)`, and `3` along one axis. */
export function place(cell: readonly number[]): string {
  const text = cell.map(number).join(", ");
  return cell.length === 1 ? text : `(${text})`;
}

/** `1 product`, `9 products` */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString("en-US")} ${n === 1 ? one : many}`;
}

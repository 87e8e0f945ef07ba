/** From here on Go, whose formatting Prometheus uses, writes the shortest form with an exponent. */
const decimalExponentMax = 6;

/**
 * A bound or quantile as a label of Prometheus has it: the shortest decimal number that reads back as the same float,
 * with a decimal point or an exponent, such as `1.0`, `0.25`, `1e+06`, `+Inf`.
 */
export function formatFloat(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  if (value === 0) return "0.0";
  const [mantissa = "", power = "0"] = value.toExponential().split("e");
  const exponent = Number(power);
  if (exponent < -4 || exponent >= decimalExponentMax) {
    const digits = String(Math.abs(exponent)).padStart(2, "0");
    return `${mantissa}e${exponent < 0 ? "-" : "+"}${digits}`;
  }
  // Within these exponents JavaScript writes plain decimals, too: its own limits are 1e-7 and 1e21.
  const text = String(value);
  return text.includes(".") ? text : `${text}.0`;
}

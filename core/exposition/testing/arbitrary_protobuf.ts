import * as fc from "fast-check";
import {
  delimited,
  doubleField,
  family,
  type Field,
  join,
  label,
  messageField,
  metricType,
  numberField,
  packedDoubles,
  packedSigned,
  signedField,
  textField,
} from "./protobuf.ts";

const text = fc.string({ unit: "binary", maxLength: 8 });
const name = fc.oneof(fc.stringMatching(/^[a-z_]{1,5}$/), text).filter((one) => one !== "" && one !== "__name__");
const count = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const timestamp = (field: number) =>
  fc.tuple(fc.integer({ min: -1000, max: 2_000_000_000 }), fc.integer({ min: 0, max: 999_999_999 }))
    .map(([seconds, nanos]) => messageField(field, numberField(1, seconds), numberField(2, nanos)));
const exemplar = (field: number) =>
  fc.tuple(fc.array(fc.tuple(name, text), { maxLength: 2 }), fc.double(), timestamp(3)).map(([pairs, value, time]) =>
    messageField(field, ...pairs.map(([one, of]) => label(1, one, of)), doubleField(2, value), time)
  );

const value = (field: number) => fc.double().map((one) => messageField(field, doubleField(1, one)));
const counter = fc.tuple(fc.double(), fc.array(exemplar(2), { maxLength: 1 }), fc.array(timestamp(3), { maxLength: 1 }))
  .map(([one, exemplars, times]) => messageField(3, doubleField(1, one), ...exemplars, ...times));
const summary = fc.tuple(count, fc.double(), fc.array(fc.tuple(fc.double(), fc.double()), { maxLength: 4 }))
  .map(([samples, sum, quantiles]) =>
    messageField(
      4,
      numberField(1, samples),
      doubleField(2, sum),
      ...quantiles.map(([quantile, of]) => messageField(3, doubleField(1, quantile), doubleField(2, of))),
    )
  );

/** One side of a native histogram: its spans and their counts, whole or not. */
const side = (spans: number, deltas: number, counts: number, float: boolean): fc.Arbitrary<Field[]> =>
  fc.array(fc.tuple(fc.nat({ max: 9 }), fc.array(fc.nat({ max: 1000 }), { maxLength: 4 })), { maxLength: 3 }).map(
    (list) => {
      const values = list.flatMap(([, of]) => of);
      return [
        ...list.map(([offset, of]) => messageField(spans, signedField(1, offset), numberField(2, of.length))),
        float
          ? packedDoubles(counts, values)
          : packedSigned(deltas, values.map((one, index) => one - (values[index - 1] ?? 0))),
      ];
    },
  );

const histogram = fc.boolean().chain((float) =>
  fc.tuple(
    count,
    fc.double(),
    fc.array(fc.tuple(fc.double(), count, fc.array(exemplar(3), { maxLength: 1 })), { maxLength: 5 }),
    fc.integer({ min: -4, max: 8 }),
    side(9, 10, 11, float),
    side(12, 13, 14, float),
  ).map(([samples, sum, buckets, schema, negative, positive]) =>
    messageField(
      7,
      float ? doubleField(4, 1.5) : numberField(1, samples),
      doubleField(2, sum),
      ...buckets.map(([bound, of, exemplars]) =>
        messageField(3, numberField(1, of), doubleField(2, bound), ...exemplars)
      ),
      signedField(5, schema),
      ...negative,
      ...positive,
    )
  )
);

const values: Readonly<Record<keyof typeof metricType, fc.Arbitrary<Field>>> = {
  counter,
  gauge: value(2),
  summary,
  unknown: value(5),
  histogram,
  gaugehistogram: histogram,
};

function metric(type: keyof typeof metricType): fc.Arbitrary<Field[]> {
  const labels = fc.uniqueArray(fc.tuple(name, text), { selector: ([one]) => one, maxLength: 4 });
  const times = fc.array(fc.integer(), { maxLength: 1 });
  return fc.tuple(labels, values[type], times).map(([pairs, of, list]) => [
    ...pairs.map(([one, is]) => label(1, one, is)),
    of,
    ...list.map((timeMs) => numberField(6, timeMs)),
  ]);
}

/** Bodies that the lenient protobuf reader takes. */
export const arbitraryProtobuf: fc.Arbitrary<Uint8Array> = fc.array(
  fc.tuple(name, fc.constantFrom(...Object.keys(metricType) as (keyof typeof metricType)[]), text).chain(
    ([one, type, help]) =>
      fc.array(metric(type), { minLength: 1, maxLength: 4 })
        .map((metrics) => join(family(one, type, ...metrics), textField(2, help))),
  ),
  { maxLength: 4 },
).map((families) => delimited(...families));

/** The same with a few bytes changed, put in or taken out, and bodies of random bytes. */
export const arbitraryBadProtobuf: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 60 }),
  fc.tuple(
    arbitraryProtobuf,
    fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }), fc.nat({ max: 2 })), { minLength: 1, maxLength: 3 }),
  ).map(([body, changes]) => {
    const bytes = [...body];
    for (const [at, byte, kind] of changes) {
      const index = at % (bytes.length + 1);
      if (kind === 2) bytes.splice(index, 1);
      else bytes.splice(index, kind, byte);
    }
    return Uint8Array.from(bytes);
  }),
);

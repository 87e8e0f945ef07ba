import { z } from "zod";
import { UserError } from "../core/errors.ts";
import { OptionError, readOptions } from "../core/options.ts";
import { call, type ClientOptions, clientOptions, getJson, refusalOf } from "./client.ts";
import { type Output, runGroup, terminal, type Verb } from "./group.ts";
import { type Column, formatOutput, formatTable, outputOption } from "./output.ts";
import { type Place, placeOptions } from "./place.ts";

const listSchema = z.object({
  guards: z.array(z.looseObject({
    clusterId: z.string(),
    namespace: z.string(),
    reason: z.string(),
    targetsBefore: z.number(),
    targetsAfter: z.number(),
    metricsGone: z.array(z.string()),
    hash: z.string(),
    confirmedBy: z.string(),
  })),
});
type Guard = z.output<typeof listSchema>["guards"][number];

/** Digits of a hash that people are shown, and the fewest that they may give. */
const hashDigitsShown = 12;
const hashDigitsMin = 6;

const verbs: Readonly<Record<"list" | "confirm" | "discard", Verb>> = {
  list: { summary: "list the changes that wait for a confirmation", run: list },
  confirm: {
    summary: "let the change with this hash happen",
    run: (argv, output) =>
      decide("confirm", "Lets a held change happen: exactly the one with this hash.", argv, output),
  },
  discard: {
    summary: "forget the change with this hash, and its confirmation; what is still wanted is held anew",
    run: (argv, output) =>
      decide(
        "discard",
        "Forgets a held change and its confirmation. What the files still want is held again, under the same hash; "
          + "to be rid of it, put back what is missing.",
        argv,
        output,
      ),
  },
};

/** `bcs-metric guards …`: changes that are held because they remove suspiciously much. Returns the exit code. */
export async function guardsCommand(argv: readonly string[], output: Output = terminal): Promise<number> {
  return await runGroup("guards", "Changes that are held because they remove suspiciously much.", verbs, argv, output);
}

async function list(argv: readonly string[], output: Output): Promise<number> {
  const { values } = await readOptions(
    {
      name: "guards list",
      summary: "Lists the changes that are held until somebody confirms them. Their namespaces stay as they are.",
      options: { ...placeOptions, output: outputOption, ...clientOptions },
    },
    argv,
    process.env,
  );
  const guards = await guardsOf(values, values);
  output.print(formatOutput(values.output, { guards }, () => formatTable(columns, guards)));
  return 0;
}

const columns: readonly Column<Guard>[] = [
  { title: "HASH", text: ({ hash }) => hash.slice(0, hashDigitsShown) },
  { title: "CLUSTER", text: ({ clusterId }) => clusterId },
  { title: "NAMESPACE", text: ({ namespace }) => namespace },
  { title: "BEFORE", align: "right", text: ({ targetsBefore }) => String(targetsBefore) },
  { title: "AFTER", align: "right", text: ({ targetsAfter }) => String(targetsAfter) },
  { title: "METRICS GONE", text: ({ metricsGone }) => metricsGone.join(",") },
  { title: "CONFIRMED BY", text: ({ confirmedBy }) => confirmedBy },
  { title: "REASON", text: ({ reason }) => reason },
];

async function decide(
  verb: "confirm" | "discard",
  summary: string,
  argv: readonly string[],
  output: Output,
): Promise<number> {
  const options = { ...placeOptions, output: outputOption, ...clientOptions };
  const definition = { name: `guards ${verb}`, summary, positional: "HASH", options };
  const { values, positional } = await readOptions(definition, argv, process.env);
  const guard = findGuard(await guardsOf(values, values), onlyHash(positional));
  const { clusterId, namespace, hash } = guard;
  const place = `${clusterId}/${namespace}`;
  const path = `/v1/guards/${encodeURIComponent(clusterId)}/${encodeURIComponent(namespace)}/${verb}`;
  const headers = { "content-type": "application/json" };
  const answer = await call(values, { method: "POST", path, headers, body: JSON.stringify({ hash }) });
  if (!answer.ok) throw new UserError(`Cannot ${verb} the change of ${place}: ${refusalOf(answer).message}`);
  const outcome = verb === "confirm" ? "confirmed" : "discarded";
  const done = { outcome, clusterId, namespace, hash };
  const { targetsBefore, targetsAfter } = guard;
  const text = `${outcome} the change of ${place} from ${targetsBefore} to ${targetsAfter} targets\n`;
  output.print(formatOutput(values.output, done, () => text));
  return 0;
}

async function guardsOf(client: ClientOptions, { cluster, namespace }: Place): Promise<Guard[]> {
  const { guards } = await getJson(client, "/v1/guards", {}, listSchema);
  return guards
    .filter((guard) => cluster === undefined || guard.clusterId === cluster)
    .filter((guard) => namespace === undefined || guard.namespace === namespace);
}

/** A hash names exactly what was shown: what has changed since then has another one, and is not found. */
function findGuard(guards: readonly Guard[], hash: string): Guard {
  const found = guards.filter((guard) => guard.hash.startsWith(hash));
  const [first] = found;
  if (first === undefined) throw new UserError(`Cannot find a held change "${hash}": see bcs-metric guards list`);
  if (found.length === 1) return first;
  const places = found.map(({ clusterId, namespace }) => `${clusterId}/${namespace}`).join(", ");
  throw new UserError(`Cannot tell which held change "${hash}" is meant: it is one of ${places}; give --namespace`);
}

/** @throws OptionError unless there is one, long enough to have been copied. */
function onlyHash(positional: readonly string[]): string {
  const [hash, ...more] = positional;
  if (hash === undefined || more.length > 0) throw new OptionError("Cannot tell what is meant: give one HASH");
  if (hash.length < hashDigitsMin) throw new OptionError(`Cannot use the hash "${hash}": give ${hashDigitsMin} digits`);
  return hash;
}

import { z } from "zod";
import { UserError } from "../core/errors.ts";
import { OptionError, readOptions } from "../core/options.ts";
import { approvalText, shownSchema } from "./approval_text.ts";
import { call, type ClientOptions, clientOptions, getJson, refusalOf } from "./client.ts";
import { type Output, runGroup, terminal, type Verb } from "./group.ts";
import { type Column, formatOutput, formatTable, outputOption } from "./output.ts";
import { type Place, placeOptions } from "./place.ts";

const listSchema = z.object({
  approvals: z.array(z.looseObject({
    id: z.string(),
    cluster: z.string(),
    namespace: z.string(),
    state: z.string(),
    from: z.number(),
    to: z.number(),
    targetsMoving: z.number(),
    hash: z.string(),
    expiresAtMs: z.number(),
    by: z.string(),
    reasons: z.array(z.string()),
  })),
});
type Row = z.output<typeof listSchema>["approvals"][number];

/** Told to the service, so that its audit trail says by which way it was decided. */
const agent = { "user-agent": "bcs-metric-cli" };
/** Fewest characters of an id that may stand for it. */
const idLengthMin = 6;

const verbs: Readonly<Record<"list" | "show" | "approve" | "reject", Verb>> = {
  list: { summary: "list the plans, the newest first", run: list },
  show: { summary: "show one plan: reasons, moves, predicted load, audit trail", run: show },
  approve: { summary: "let the plan be carried out", run: (argv, output) => decide("approve", argv, output) },
  reject: { summary: "discard the plan", run: (argv, output) => decide("reject", argv, output) },
};

/** `bcs-metric approvals …`: plans for other numbers of collectors. Returns the exit code. */
export async function approvalsCommand(argv: readonly string[], output: Output = terminal): Promise<number> {
  return await runGroup("approvals", "Plans for other numbers of collectors.", verbs, argv, output);
}

async function list(argv: readonly string[], output: Output): Promise<number> {
  const { values } = await readOptions(
    {
      name: "approvals list",
      summary: "Lists the plans for other numbers of collectors, and what became of them.",
      options: { ...placeOptions, output: outputOption, ...clientOptions },
    },
    argv,
    process.env,
  );
  const approvals = await rowsOf(values, values);
  output.print(formatOutput(values.output, { approvals }, () => formatTable(columns, approvals)));
  return 0;
}

const columns: readonly Column<Row>[] = [
  { title: "ID", text: ({ id }) => id },
  { title: "CLUSTER", text: ({ cluster }) => cluster },
  { title: "NAMESPACE", text: ({ namespace }) => namespace },
  { title: "STATE", text: ({ state }) => state },
  { title: "FROM", align: "right", text: ({ from }) => String(from) },
  { title: "TO", align: "right", text: ({ to }) => String(to) },
  { title: "MOVES", align: "right", text: ({ targetsMoving }) => String(targetsMoving) },
  { title: "BY", text: ({ by }) => by },
  { title: "REASON", text: ({ reasons }) => reasons.join("; ") },
];

async function show(argv: readonly string[], output: Output): Promise<number> {
  const definition = {
    name: "approvals show",
    summary: "Shows one plan. The id may be cut, as long as it names one plan.",
    positional: "ID",
    options: { ...placeOptions, output: outputOption, ...clientOptions },
  };
  const { values, positional } = await readOptions(definition, argv, process.env);
  const row = findRow(await rowsOf(values, values), onlyId(positional));
  const approval = await getJson(values, `/v1/approvals/${encodeURIComponent(row.id)}`, {}, shownSchema);
  output.print(formatOutput(values.output, approval, () => approvalText(approval)));
  return 0;
}

async function decide(verb: "approve" | "reject", argv: readonly string[], output: Output): Promise<number> {
  const definition = {
    name: `approvals ${verb}`,
    summary: verb === "approve"
      ? "Approves exactly the plan with this id; the leading service carries it out, unless its inputs have changed."
      : "Rejects the plan with this id.",
    positional: "ID",
    options: { ...placeOptions, output: outputOption, ...clientOptions },
  };
  const { values, positional } = await readOptions(definition, argv, process.env);
  const { id, hash, cluster, namespace, from, to } = findRow(await rowsOf(values, values), onlyId(positional));
  const path = `/v1/approvals/${encodeURIComponent(id)}/${verb}`;
  const headers = { "content-type": "application/json", ...agent };
  const answer = await call(values, { method: "POST", path, headers, body: JSON.stringify({ hash }) });
  if (!answer.ok) throw new UserError(`Cannot ${verb} plan "${id}": ${refusalOf(answer).message}`);
  const outcome = verb === "approve" ? "approved" : "rejected";
  const text = `${outcome} plan ${id}: ${cluster}/${namespace} from ${from} to ${to} collectors\n`;
  output.print(formatOutput(values.output, { outcome, id, cluster, namespace, hash }, () => text));
  return 0;
}

async function rowsOf(client: ClientOptions, { cluster, namespace }: Place): Promise<Row[]> {
  return (await getJson(client, "/v1/approvals", { cluster, namespace }, listSchema)).approvals;
}

function findRow(rows: readonly Row[], id: string): Row {
  const found = rows.filter((row) => row.id === id || row.id.startsWith(id));
  const [first] = found;
  if (first === undefined) throw new UserError(`Cannot find a plan "${id}": see bcs-metric approvals list`);
  if (found.length === 1) return first;
  throw new UserError(`Cannot tell which plan "${id}" is meant: ${found.map((row) => row.id).join(", ")}`);
}

/** @throws OptionError unless there is one, long enough to have been copied. */
function onlyId(positional: readonly string[]): string {
  const [id, ...more] = positional;
  if (id === undefined || more.length > 0) throw new OptionError("Cannot tell what is meant: give one ID");
  if (id.length < idLengthMin) {
    throw new OptionError(`Cannot use the id "${id}": give ${idLengthMin} characters at least`);
  }
  return id;
}

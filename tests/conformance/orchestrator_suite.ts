import assert from "node:assert/strict";
import { test } from "node:test";
import { instanceName } from "../../service/orchestrator/names.ts";
import { type Orchestrator, WorkloadMissingError } from "../../service/orchestrator/orchestrator.ts";
import {
  fingerprintOf,
  plainWorkload,
  type Workload,
  type WorkloadKey,
  type WorkloadStatus,
} from "../../service/orchestrator/workload.ts";
import { waitFor } from "../support/wait.ts";

/** A system without workloads, an orchestrator over it, and what the suite needs to look past that one. */
export interface OpenedOrchestrator {
  readonly orchestrator: Orchestrator;
  /** What really runs of a workload now, in any order. */
  running(key: WorkloadKey): Promise<RunningInstance[]>;
  /** Somebody else who works on the same system; null where the collectors are the service's own children. */
  readonly outside: OutsideHand | null;
  /** Closes the orchestrator and gives another one over the same system; null where nothing survives the first. */
  readonly restart: (() => Promise<Orchestrator>) | null;
  /** Puts the system out of reach, or back; null where it cannot be. */
  readonly setAway: ((away: boolean) => Promise<void>) | null;
  /** Ends everything and removes what was made. */
  close(): Promise<void>;
}

export interface RunningInstance {
  /** `<workload>-<ordinal>`. */
  readonly name: string;
  /** Another one after each start, such as a process id. */
  readonly identity: string;
  readonly env: Readonly<Record<string, string>>;
  /** Null where instances have no labels. */
  readonly labels: Readonly<Record<string, string>> | null;
}

export interface OutsideHand {
  /** Makes a workload as somebody would who does not know bcs-metric, but for what lets it be taken for a collector. */
  create(made: MadeOutside): Promise<void>;
  setEnv(key: WorkloadKey, name: string, value: string): Promise<void>;
  delete(key: WorkloadKey): Promise<void>;
  /** Null where a workload has no number of replicas that could be changed by hand. */
  readonly scale: ((key: WorkloadKey, replicas: number) => Promise<void>) | null;
}

export interface MadeOutside extends WorkloadKey {
  readonly replicas: number;
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

export interface OrchestratorSuiteOptions {
  /** What cannot exist here is not tested: see the members of {@link OpenedOrchestrator} that may be null. */
  readonly lacks?: readonly ("outside" | "outside-scale" | "restart" | "away" | "labels")[];
  /** Cluster, namespace and name of the workload; valid for the system. */
  readonly key?: WorkloadKey;
  /** Laid over the plain workload, such as an image that exists. */
  readonly workload?: Partial<Workload>;
  /** How long the system may take for one step; 15 s by default. */
  readonly withinMs?: number;
}

const defaultKey: WorkloadKey = { clusterId: "BCS-K8S-00001", namespace: "shop", name: "bcs-collector-shop" };

type Check = (what: string, body: (scene: Scene) => Promise<void>) => void;

/** What every implementation of {@link Orchestrator} has to pass. `open` gives a system without workloads each time. */
export function orchestratorConformance(
  name: string,
  open: () => Promise<OpenedOrchestrator>,
  options: OrchestratorSuiteOptions = {},
): void {
  const lacks = new Set(options.lacks);
  const check: Check = (what, body) =>
    void test(`${name} orchestrator: ${what}`, async () => {
      const opened = await open();
      try {
        assert.equal(opened.outside === null, lacks.has("outside"), "what the suite is told to leave out is not there");
        assert.equal(opened.restart === null, lacks.has("restart"));
        assert.equal(opened.setAway === null, lacks.has("away"));
        await body(new Scene(opened, options));
      } finally {
        await opened.close();
      }
    });
  wishCases(check, lacks);
  if (!lacks.has("outside")) outsideCases(check, lacks);
  if (!lacks.has("restart")) restartCases(check);
  if (!lacks.has("away")) awayCases(check);
}

/** An opened system with the workload that a test works on. */
class Scene {
  readonly key: WorkloadKey;
  readonly #opened: OpenedOrchestrator;
  readonly #options: OrchestratorSuiteOptions;
  #orchestrator: Orchestrator;

  constructor(opened: OpenedOrchestrator, options: OrchestratorSuiteOptions) {
    this.#opened = opened;
    this.#options = options;
    this.#orchestrator = opened.orchestrator;
    this.key = options.key ?? defaultKey;
  }

  get orchestrator(): Orchestrator {
    return this.#orchestrator;
  }

  get outside(): OutsideHand {
    if (this.#opened.outside === null) throw new Error("Cannot act from outside: nobody can here");
    return this.#opened.outside;
  }

  get withinMs(): number {
    return this.#options.withinMs ?? 15_000;
  }

  /** A wish for the scene's workload. */
  wish(over: Partial<Workload> = {}): Workload {
    const { workload } = this.#options;
    return { ...this.key, replicas: 1, ...plainWorkload, env: { MetricClusterID: "one" }, ...workload, ...over };
  }

  async restart(): Promise<void> {
    if (this.#opened.restart === null) throw new Error("Cannot restart: nothing would survive");
    this.#orchestrator = await this.#opened.restart();
  }

  async setAway(away: boolean): Promise<void> {
    await this.#opened.setAway?.(away);
  }

  async status(): Promise<WorkloadStatus | undefined> {
    const { clusterId, namespace, name } = this.key;
    return (await this.#orchestrator.list())
      .find((one) => one.clusterId === clusterId && one.namespace === namespace && one.name === name);
  }

  /** Waits until the status is as asked for, and returns it. */
  async until(what: string, is: (status: WorkloadStatus) => boolean): Promise<WorkloadStatus> {
    let last: WorkloadStatus | undefined;
    try {
      return await waitFor(what, this.withinMs, async () => {
        last = await this.status();
        return last !== undefined && is(last) ? last : null;
      });
    } catch (error) {
      throw new Error(`Cannot see "${what}": the status is ${JSON.stringify(last)}`, { cause: error });
    }
  }

  /** Waits until exactly the first `count` ordinals run, as the list and the system say; returns them by name. */
  async untilRunning(count: number): Promise<Map<string, RunningInstance>> {
    const names = Array.from({ length: count }, (_, ordinal) => instanceName(this.key.name, ordinal));
    await this.until(
      `${count} instances run`,
      ({ replicas, instances }) =>
        replicas === count && String(instances.map((one) => one.name)) === String(names)
        && instances.every((one, ordinal) => one.state === "running" && one.ordinal === ordinal),
    );
    return await waitFor(`${count} instances are there`, this.withinMs, async () => {
      const found = await this.running();
      return String([...found.keys()].toSorted()) === String(names.toSorted()) ? found : null;
    });
  }

  /** A watch may gather changes for a moment before it tells. */
  async untilTold(told: () => boolean): Promise<void> {
    await waitFor("the change is told", this.withinMs, () => told() ? true : null);
  }

  async running(): Promise<Map<string, RunningInstance>> {
    return new Map((await this.#opened.running(this.key)).map((one) => [one.name, one]));
  }

  /** Waits until the instances that run are as asked for. */
  async untilInstances(what: string, are: (instances: RunningInstance[]) => boolean): Promise<RunningInstance[]> {
    return await waitFor(what, this.withinMs, async () => {
      const found = [...(await this.running()).values()];
      return are(found) ? found : null;
    });
  }
}

function identities(instances: ReadonlyMap<string, RunningInstance>): Record<string, string> {
  return Object.fromEntries([...instances].map(([name, { identity }]) => [name, identity]));
}

function wishCases(check: Check, lacks: ReadonlySet<string>): void {
  check("a workload that is applied comes to be, with its instances and their environment", async (scene) => {
    assert.deepEqual(await scene.orchestrator.list(), []);
    const wish = scene.wish({ replicas: 2, env: { MetricClusterID: "one", Spaced: "a b $(HOME) $$ \"'" } });
    await scene.orchestrator.apply(wish);
    const instances = await scene.untilRunning(2);
    for (const { env } of instances.values()) {
      assert.deepEqual([env["MetricClusterID"], env["Spaced"]], ["one", wish.env["Spaced"]]);
    }
    const status = await scene.status();
    assert.deepEqual([status?.fingerprint, status?.replicasApplied], [fingerprintOf(wish), 2]);
    assert.deepEqual([status?.drift, status?.problem], [[], ""]);
  });

  check("an equal wish leaves everything as it is", async (scene) => {
    const wish = scene.wish({ replicas: 2 });
    await scene.orchestrator.apply(wish);
    const before = identities(await scene.untilRunning(2));
    await scene.orchestrator.apply({ ...wish, env: { ...wish.env } });
    await scene.orchestrator.apply(wish);
    assert.deepEqual(identities(await scene.untilRunning(2)), before);
  });

  check("scaling touches no instance that stays, by scale as by apply", async (scene) => {
    await scene.orchestrator.apply(scene.wish());
    const first = identities(await scene.untilRunning(1));
    await scene.orchestrator.scale(scene.key, 3);
    const three = identities(await scene.untilRunning(3));
    assert.deepEqual(Object.entries(three)[0], Object.entries(first)[0]);
    assert.equal((await scene.status())?.replicasApplied, 3);
    await scene.orchestrator.apply(scene.wish({ replicas: 2 }));
    const two = identities(await scene.untilRunning(2));
    assert.deepEqual(Object.entries(two), Object.entries(three).slice(0, 2));
    await scene.orchestrator.scale(scene.key, 0);
    await scene.untilRunning(0);
  });

  check("another environment reaches every instance", async (scene) => {
    await scene.orchestrator.apply(scene.wish({ replicas: 2, env: { Kept: "1", Changed: "1", Gone: "1" } }));
    const before = await scene.untilRunning(2);
    const wish = scene.wish({ replicas: 2, env: { Kept: "1", Changed: "2", New: "2" } });
    await scene.orchestrator.apply(wish);
    const after = await scene.untilInstances(
      "both have the new environment",
      (instances) => instances.length === 2 && instances.every(({ env }) => env["Changed"] === "2"),
    );
    for (const { env, name, identity } of after) {
      assert.deepEqual([env["Kept"], env["New"], env["Gone"]], ["1", "2", undefined]);
      assert.notEqual(identity, before.get(name)?.identity);
    }
    await scene.until("the new wish is applied", ({ fingerprint }) => fingerprint === fingerprintOf(wish));
  });

  if (!lacks.has("labels")) {
    check("labels are on workload and instances, and are replaced", async (scene) => {
      const label = "io.tencent.bcs.metriccfg";
      await scene.orchestrator.apply(scene.wish({ labels: { [label]: "one" } }));
      await scene.untilInstances("the label is there", ([one]) => one?.labels?.[label] === "one");
      await scene.orchestrator.apply(scene.wish({ labels: { [label]: "two" } }));
      await scene.untilInstances("the label is another", ([one]) => one?.labels?.[label] === "two");
    });
  }

  check("deleting ends every instance, and is a success when nothing is there", async (scene) => {
    await scene.orchestrator.delete(scene.key);
    await scene.orchestrator.apply(scene.wish({ replicas: 2 }));
    await scene.untilRunning(2);
    await scene.orchestrator.delete(scene.key);
    await scene.orchestrator.delete(scene.key);
    await scene.untilInstances("no instance runs", (instances) => instances.length === 0);
    await waitFor("the list is empty", scene.withinMs, async () => (await scene.status()) === undefined ? true : null);
  });

  check("a workload that was deleted can be made anew at once", async (scene) => {
    await scene.orchestrator.apply(scene.wish());
    const before = await scene.untilRunning(1);
    await scene.orchestrator.delete(scene.key);
    await waitFor("it is taken again", scene.withinMs, async () => {
      await scene.orchestrator.apply(scene.wish({ env: { Again: "1" } }));
      return true;
    });
    const name = instanceName(scene.key.name, 0);
    await scene.untilInstances(
      "it runs anew",
      (instances) =>
        instances.length === 1 && instances[0]?.env["Again"] === "1"
        && instances[0].identity !== before.get(name)?.identity,
    );
  });

  check("what is not there cannot be scaled", async (scene) => {
    await assert.rejects(scene.orchestrator.scale(scene.key, 2), WorkloadMissingError);
  });

  check("a watch tells of each change until it is closed", async (scene) => {
    let changes = 0;
    const watch = scene.orchestrator.watch(() => changes++);
    await scene.orchestrator.apply(scene.wish());
    await scene.untilRunning(1);
    await scene.untilTold(() => changes > 0);
    watch.close();
    const closedAt = changes;
    await scene.orchestrator.scale(scene.key, 2);
    await scene.untilRunning(2);
    assert.equal(changes, closedAt);
  });
}

function outsideCases(check: Check, lacks: ReadonlySet<string>): void {
  check("a change from outside is told, shown as drift, and repaired by the same wish", async (scene) => {
    const wish = scene.wish({ env: { MetricClusterID: "one" } });
    await scene.orchestrator.apply(wish);
    await scene.untilRunning(1);
    let changes = 0;
    const watch = scene.orchestrator.watch(() => changes++);
    await scene.outside.setEnv(scene.key, "MetricClusterID", "another");
    const drifted = await scene.until("the drift is seen", ({ drift }) => drift.length > 0);
    assert.deepEqual(drifted.drift, [{ field: "env.MetricClusterID", applied: "one", found: "another" }]);
    assert.equal(drifted.fingerprint, fingerprintOf(wish));
    await scene.untilTold(() => changes > 0);
    watch.close();
    await scene.orchestrator.apply(wish);
    await scene.until("nothing drifts", ({ drift }) => drift.length === 0);
    await scene.untilInstances(
      "it is repaired",
      ([one, two]) => two === undefined && one?.env["MetricClusterID"] === "one",
    );
  });

  check("what somebody else adds is no drift, and stays", async (scene) => {
    await scene.orchestrator.apply(scene.wish());
    await scene.untilRunning(1);
    await scene.outside.setEnv(scene.key, "TheirOwn", "1");
    await scene.untilInstances("it is there", ([one]) => one?.env["TheirOwn"] === "1");
    const wish = scene.wish({ env: { MetricClusterID: "two" } });
    await scene.orchestrator.apply(wish);
    await scene.untilInstances(
      "both are there",
      ([one]) => one?.env["TheirOwn"] === "1" && one.env["MetricClusterID"] === "two",
    );
    assert.deepEqual((await scene.until("it runs", ({ instances }) => instances.length === 1)).drift, []);
  });

  check("a workload that somebody else deletes is gone from the list, which is told", async (scene) => {
    await scene.orchestrator.apply(scene.wish());
    await scene.untilRunning(1);
    let changes = 0;
    const watch = scene.orchestrator.watch(() => changes++);
    await scene.outside.delete(scene.key);
    await waitFor("it is gone", scene.withinMs, async () => (await scene.status()) === undefined ? true : null);
    await scene.untilTold(() => changes > 0);
    watch.close();
  });

  check("a workload from outside is listed, and taken over with what it has", async (scene) => {
    const made = {
      ...scene.key,
      replicas: 1,
      env: { Theirs: "1", MetricClusterID: "theirs" },
      labels: { theirs: "1" },
    };
    await scene.outside.create(made);
    const found = await scene.until("it is listed", () => true);
    assert.deepEqual([found.fingerprint, found.replicasApplied, found.drift], ["", null, []]);
    assert.equal(found.replicas, 1);
    const wish = scene.wish({ labels: { "io.tencent.bcs.metriccfg": "ours" } });
    await scene.orchestrator.apply(wish);
    const [one] = await scene.untilInstances(
      "it has ours and theirs",
      ([first, second]) => second === undefined && first?.env["MetricClusterID"] === "one",
    );
    assert.equal(one?.env["Theirs"], "1");
    if (!lacks.has("labels")) {
      assert.deepEqual([one?.labels?.["theirs"], one?.labels?.["io.tencent.bcs.metriccfg"]], ["1", "ours"]);
    }
    await scene.until("it is ours", ({ fingerprint }) => fingerprint === fingerprintOf(wish));
  });

  if (!lacks.has("outside-scale")) {
    check("a number of replicas from outside is shown beside the one applied", async (scene) => {
      await scene.orchestrator.apply(scene.wish());
      const before = await scene.untilRunning(1);
      await scene.outside.scale?.(scene.key, 2);
      const scaled = await scene.until("it is seen", ({ replicas }) => replicas === 2);
      assert.deepEqual([scaled.replicasApplied, scaled.drift], [1, []]);
      await scene.untilRunning(2);
      await scene.orchestrator.apply(scene.wish());
      assert.deepEqual(identities(await scene.untilRunning(1)), identities(before));
    });
  }
}

function restartCases(check: Check): void {
  check("another service finds what the one before has made, and leaves it alone", async (scene) => {
    const wish = scene.wish({ replicas: 2 });
    await scene.orchestrator.apply(wish);
    const before = identities(await scene.untilRunning(2));
    const status = await scene.status();
    await scene.restart();
    assert.deepEqual(await scene.status(), status);
    await scene.orchestrator.apply(wish);
    assert.deepEqual(identities(await scene.untilRunning(2)), before);
  });
}

function awayCases(check: Check): void {
  check("a system that is away fails every call, and is found again as it was", async (scene) => {
    const wish = scene.wish();
    await scene.orchestrator.apply(wish);
    const before = identities(await scene.untilRunning(1));
    await scene.setAway(true);
    const unavailable = { name: "OrchestratorError", kind: "unavailable" };
    await assert.rejects(scene.orchestrator.apply(scene.wish({ env: { A: "2" } })), unavailable);
    await assert.rejects(scene.orchestrator.scale(scene.key, 2), unavailable);
    await assert.rejects(scene.orchestrator.delete(scene.key), unavailable);
    await waitFor("the list fails", scene.withinMs, async () => {
      const listed = await scene.orchestrator.list().then(() => null, (error: unknown) => error);
      return listed === null ? null : listed;
    });
    await assert.rejects(scene.orchestrator.list(), unavailable);
    await scene.setAway(false);
    await waitFor("the list is back", scene.withinMs, async () => await scene.status());
    assert.deepEqual(identities(await scene.untilRunning(1)), before);
  });
}

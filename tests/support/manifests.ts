import { loadAll } from "js-yaml";
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { isObject, type JsonObject } from "../../service/kubernetes/testing/field_sets.ts";
import { at, listAt, textAt } from "../../service/kubernetes/testing/validate.ts";

/** Where our manifests are. */
export const manifestsFolder = fileURLToPath(new URL("../../deploy/kubernetes/", import.meta.url));

/** The objects that `kubectl apply -k` would apply, as kustomize makes them of a folder. */
export class Manifests {
  readonly objects: readonly JsonObject[];

  private constructor(objects: readonly JsonObject[]) {
    this.objects = objects;
  }

  static async build(folder: string): Promise<Manifests> {
    const { stdout, stderr } = await promisify(execFile)("kustomize-sid", ["build", folder]);
    if (stderr !== "") throw new Error(`Cannot build "${folder}" without a warning: ${stderr}`);
    return new Manifests(loadAll(stdout).filter(isObject));
  }

  list(kind: string): JsonObject[] {
    return this.objects.filter((object) => textAt(object, "kind") === kind);
  }

  find(kind: string, name: string): JsonObject | undefined {
    return this.list(kind).find((object) => nameOf(object) === name);
  }

  /** Deployments and StatefulSets. */
  workloads(): JsonObject[] {
    return [...this.list("Deployment"), ...this.list("StatefulSet")];
  }

  /** The environment of a container as its process sees it; what it knows at run time only is as in `known`. */
  environmentOf(container: JsonObject, known: Readonly<Record<string, string>>): Record<string, string> {
    const env: Record<string, string> = {};
    for (const source of listAt(container, "envFrom")) {
      const name = nameOf({ metadata: at(source, "configMapRef") });
      Object.assign(env, at(this.find("ConfigMap", name) ?? {}, "data"));
    }
    for (const variable of listAt(container, "env")) {
      const name = textAt(variable, "name");
      env[name] = variable["valueFrom"] === undefined ? textAt(variable, "value") : known[name] ?? "";
    }
    return env;
  }

  /** Writes what the container mounts of ConfigMaps, and of Secrets as in `secrets`, below `root`. */
  async writeMounts(
    { pod, container }: { readonly pod: JsonObject; readonly container: JsonObject },
    secrets: Readonly<Record<string, JsonObject>>,
    root: string,
  ): Promise<void> {
    for (const mount of listAt(container, "volumeMounts")) {
      const volume = listAt(pod, "volumes").find(({ name }) => name === mount["name"]) ?? {};
      const map = this.find("ConfigMap", textAt(at(volume, "configMap"), "name"));
      const files = { ...at(map ?? {}, "data"), ...secrets[textAt(at(volume, "secret"), "secretName")] };
      for (const name of Object.keys(files)) {
        const path = join(root, textAt(mount, "mountPath"), name);
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, textAt(files, name));
      }
    }
  }
}

export function nameOf(object: JsonObject): string {
  return textAt(at(object, "metadata"), "name");
}

/** Template of a workload's pods. */
export function templateOf(workload: JsonObject): JsonObject {
  return at(at(workload, "spec"), "template");
}

export function podOf(workload: JsonObject): JsonObject {
  return at(templateOf(workload), "spec");
}

/** Whether every label that the selector wants is there; an empty one selects all. */
export function selects(selector: JsonObject, labels: JsonObject): boolean {
  const wanted = Object.entries(at(selector, "matchLabels")).every(([name, value]) => labels[name] === value);
  return wanted && listAt(selector, "matchExpressions").every((expression) => {
    if (expression["operator"] !== "Exists") throw new Error(`Cannot judge ${JSON.stringify(expression)}`);
    return labels[textAt(expression, "key")] !== undefined;
  });
}

/** What the routes do that have no description of their own, for `/openapi.json` and `/docs`. */
export const routeSummaries: Readonly<Record<string, string>> = {
  "GET /v1/targets": "Targets with owner and health; filters cluster, namespace, metric, collector, health",
  "GET /v1/collectors": "Collectors with state and load",
  "GET /v1/exporters": "Exporters in the registry, with load",
  "GET /v1/services": "Services in the registry",
  "GET /v1/status": "The system at a glance, with each configuration problem and its place",
  "GET /v1/explain": "Why a pod, a target or a metric is scraped, or is not: pod=, target= or metric=",
  "GET /v1/events": "What happens, as server-sent events",
  "POST /v1/clusters/{cluster}/namespaces/{namespace}/metrics/{name}/trial":
    "Scrapes one instance now, with the definition in the body or the one in force",
  "GET /v1/stream": "The assignment of a collector, as server-sent events",
  "PUT /v1/clusters/{cluster}/namespaces/{namespace}/collectors/{collector}/status":
    "The status that a collector reports",
  "PUT /v1/registry/collectors/{id}": "Puts a collector's record into the registry",
  "POST /v1/registry/collectors/{id}": "Renews a collector's record in the registry",
  "DELETE /v1/registry/collectors/{id}": "Withdraws a collector's record from the registry",
  "GET /v1/guards": "Changes that are held back because they would remove too many targets",
  "POST /v1/guards/{cluster}/{namespace}/confirm": "Lets a held change happen",
  "PUT /v1/clusters/{cluster}/namespaces/{namespace}/collections/{name}": "Refused: collections are generated",
  "DELETE /v1/clusters/{cluster}/namespaces/{namespace}/collections/{name}": "Refused: collections are generated",
  "GET /openapi.json": "This description",
  "GET /docs": "This description as a page",
  "GET /metrics": "The service's own metrics; open to all",
  "GET /healthz": "Whether the process is alive; open to all",
  "GET /readyz": "Whether the service can work; open to all",
};

// The script of /docs: loads /openapi.json with the token that the user gives, shows it, and tries calls. Everything
// that comes from elsewhere becomes text, never markup.
const tokenKey = "bcs-metric token";
const answerBytesMax = 256 * 1024;
const answerMsMax = 10_000;

/** @param {string} name @param {Record<string, string>} attributes @param {(string | Node)[]} children */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function headersWith(more = {}) {
  const token = sessionStorage.getItem(tokenKey) ?? "";
  return token === "" ? more : { ...more, authorization: `Bearer ${token}` };
}

async function load() {
  const state = document.querySelector("#state");
  const list = document.querySelector("#routes");
  list.replaceChildren();
  try {
    const answer = await fetch("/openapi.json", { headers: headersWith(), credentials: "omit" });
    if (answer.status === 401) {
      state.textContent = "The service asks for a token. It stays in this tab, and is gone when the tab is closed.";
      return;
    }
    const api = await answer.json();
    if (!answer.ok) throw new Error(api.detail ?? `HTTP ${answer.status}`);
    state.textContent = `${api.info.title} ${api.info.version}: ${api.info.description ?? ""}`;
    list.append(...sectionsOf(api));
  } catch (error) {
    state.textContent = `Cannot load the description: ${error.message}`;
  }
}

function sectionsOf(api) {
  const sections = new Map();
  for (const [path, item] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      const tag = operation.tags?.[0] ?? "other";
      sections.set(tag, [...sections.get(tag) ?? [], routeOf(method.toUpperCase(), path, operation)]);
    }
  }
  const schemas = Object.entries(api.components.schemas).map(([name, schema]) =>
    element("details", { id: name }, element("summary", {}, name), jsonOf(schema))
  );
  const routes = [...sections].flatMap(([tag, entries]) => [element("h2", {}, tag), ...entries]);
  return [...routes, element("h2", {}, "schemas"), ...schemas];
}

function routeOf(method, path, operation) {
  const parameters = operation.parameters ?? [];
  const inputs = parameters.map((parameter) => ({
    parameter,
    field: element("input", { "aria-label": parameter.name, placeholder: parameter.required ? "required" : "" }),
  }));
  const types = Object.keys(operation.requestBody?.content ?? {});
  const body = element("textarea", { rows: "6", "aria-label": "body" });
  const type = element(
    "select",
    { "aria-label": "type of the body" },
    ...types.map((one) => element("option", {}, one)),
  );
  const output = element("pre", { "aria-live": "polite" });
  const send = element("button", { type: "button" }, "Send");
  send.addEventListener("click", () => void trySend({ method, path, inputs, types, type, body, output }));
  const rows = inputs.map(({ parameter, field }) =>
    element(
      "tr",
      {},
      ...[parameter.name, parameter.in, field, parameter.description ?? ""].map((cell) => element("td", {}, cell)),
    )
  );
  const answers = Object.entries(operation.responses).map(([status, answer]) =>
    element(
      "details",
      {},
      element("summary", {}, `${status} ${answer.description ?? ""}`),
      jsonOf(answer.content ?? {}),
    )
  );
  return element(
    "details",
    {},
    element(
      "summary",
      {},
      element("code", { class: method }, method),
      " ",
      element("code", {}, path),
      ` ${operation.summary ?? ""}`,
    ),
    element("table", {}, ...rows),
    ...types.length === 0 ? [] : [type, body, jsonOf(operation.requestBody)],
    send,
    output,
    ...answers,
  );
}

function jsonOf(value) {
  return element("pre", {}, JSON.stringify(value, null, 2));
}

async function trySend({ method, path, inputs, types, type, body, output }) {
  output.textContent = "…";
  const query = new URLSearchParams();
  const headers = {};
  let target = path;
  for (const { parameter, field } of inputs) {
    const { value } = field;
    if (parameter.in === "path") target = target.replace(`{${parameter.name}}`, encodeURIComponent(value));
    else if (value !== "" && parameter.in === "query") query.set(parameter.name, value);
    else if (value !== "") headers[parameter.name] = value;
  }
  const hasBody = types.length > 0 && body.value !== "";
  if (hasBody) headers["content-type"] = type.value;
  const url = query.size === 0 ? target : `${target}?${query}`;
  try {
    const answer = await fetch(url, {
      method,
      headers: headersWith(headers),
      credentials: "omit",
      signal: AbortSignal.timeout(answerMsMax),
      ...hasBody ? { body: body.value } : {},
    });
    output.textContent = `HTTP ${answer.status}\n`;
    await showBody(answer, output);
  } catch (error) {
    output.append(`\n${error.name === "TimeoutError" ? `(ended after ${answerMsMax / 1000} s)` : error.message}`);
  }
}

/** Piece by piece, since a stream has no end. */
async function showBody(answer, output) {
  const decoder = new TextDecoder();
  const reader = answer.body?.getReader();
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader?.read() ?? { done: true };
    if (done) return;
    bytes += value.length;
    output.append(decoder.decode(value, { stream: true }));
    if (bytes > answerBytesMax) {
      output.append("\n(and more)");
      await reader?.cancel();
      return;
    }
  }
}

document.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = document.querySelector("#token");
  if (field.value === "") sessionStorage.removeItem(tokenKey);
  else sessionStorage.setItem(tokenKey, field.value);
  field.value = "";
  void load();
});
void load();

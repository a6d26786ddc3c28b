/**
 * What stands for the internet in tests of the worker: every request that leaves workerd comes here, to Node. Names under
 * example.com exist, and resolve as the first label says.
 */
const RESOLVER = "cloudflare-dns.com";
const PUBLIC = "93.184.215.14";

const ADDRESSES: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  "private.example.com": { "1": ["10.0.0.7"] },
  "mixed.example.com": { "1": [PUBLIC, "127.0.0.1"] },
  "mapped.example.com": { "28": ["::ffff:10.0.0.7"] },
  "local6.example.com": { "1": [PUBLIC], "28": ["fd00::1"] },
  "gone.example.com": {},
};

export async function answerOutbound(request: Request): Promise<Response> {
  const url = new URL(request.url);
  if (url.hostname === RESOLVER) return resolveName(url.searchParams);
  const answer = ANSWERS[url.pathname];
  if (!answer) return new Response(`nothing at ${url.pathname}`, { status: 404 });
  return answer(request, url);
}

function resolveName(query: URLSearchParams): Response {
  const [name, type] = [query.get("name") ?? "", query.get("type") ?? "1"];
  if (name === "unresolved.example.com") return new Response("busy", { status: 503 });
  const known = ADDRESSES[name] ?? { "1": [PUBLIC] };
  const records = (known[type] ?? []).map((data) => ({ name, type: Number(type), TTL: 60, data }));
  return Response.json({ Status: 0, Answer: records });
}

type Answer = (request: Request, url: URL) => Response | Promise<Response>;

const ANSWERS: Readonly<Record<string, Answer>> = {
  "/echo": async (request, url) =>
    Response.json({
      method: request.method,
      url: url.href,
      headers: Object.fromEntries([...request.headers].filter(([name]) => !name.startsWith("mf-"))),
      body: await request.text(),
    }),
  "/status": (_request, url) => new Response("as asked", { status: Number(url.searchParams.get("code")) }),
  "/redirect": (_request, url) =>
    new Response("elsewhere", {
      status: Number(url.searchParams.get("code") ?? "302"),
      headers: { location: url.searchParams.get("to") ?? "" },
    }),
  "/bytes": (_request, url) => new Response(new Uint8Array(Number(url.searchParams.get("count")))),
  "/headers": () =>
    new Response("with headers", {
      headers: [
        ["x-kind", "one"],
        ["x-kind", "two"],
        ["set-cookie", "a=1"],
        ["x-forwarded-for", "10.0.0.9"],
        ["cf-ray", "abc"],
      ],
    }),
  "/hooks": answerHook,
  "/emails": answerEmail,
  "/token": answerToken,
  "/never": () => new Promise<Response>(() => undefined),
};

/** What came to each box, by name. */
const BOXES = new Map<string, { readonly headers: Record<string, string>; readonly body: string }[]>();

/** Keeps what is posted to `?box=`; the first `?fail=` of them are answered 503. A GET tells what came. */
async function answerHook(request: Request, url: URL): Promise<Response> {
  const name = url.searchParams.get("box") ?? "";
  const box = BOXES.get(name) ?? [];
  if (request.method === "GET") return Response.json(box);
  box.push({ headers: Object.fromEntries(request.headers), body: await request.text() });
  BOXES.set(name, box);
  return new Response("thank you", { status: box.length <= Number(url.searchParams.get("fail") ?? "0") ? 503 : 202 });
}

/** Messages by their address, each with the key it came under. */
const MAILS = new Map<string, { readonly key: string; readonly mail: Record<string, unknown> }[]>();
/** Requests for each address, refused ones too. */
const MAIL_REQUESTS = new Map<string, number>();

/**
 * An API that takes e-mail as Resend's does: a bearer token other than `mail-token` is refused, a message that comes twice under
 * one key is taken once. What is before the `@` may ask for answers: `fail-<n>-<status>…` for the first n requests. A GET with
 * `?to=` tells what came.
 */
async function answerEmail(request: Request, url: URL): Promise<Response> {
  if (request.method === "GET") return Response.json(MAILS.get(url.searchParams.get("to") ?? "") ?? []);
  if (request.headers.get("authorization") !== "Bearer mail-token") {
    return Response.json({ statusCode: 401, name: "invalid_api_key", message: "API key is invalid" }, { status: 401 });
  }
  const mail = JSON.parse(await request.text()) as Record<string, unknown> & { readonly to: readonly string[] };
  const [to = ""] = mail.to;
  const requests = (MAIL_REQUESTS.get(to) ?? 0) + 1;
  MAIL_REQUESTS.set(to, requests);
  const { times, status } = /^fail-(?<times>\d+)-(?<status>\d+)/.exec(to)?.groups ?? {};
  if (requests <= Number(times ?? "0")) {
    const headers = status === "429" ? { "retry-after": "600" } : {};
    return Response.json({ statusCode: Number(status), message: `no ${to}` }, { status: Number(status), headers });
  }
  const key = request.headers.get("idempotency-key") ?? "";
  const box = MAILS.get(to) ?? [];
  if (!box.some((known) => known.key === key)) box.push({ key, mail });
  MAILS.set(to, box);
  return Response.json({ id: key });
}

/** Requests to each token endpoint, by `?at=`; the number of the request is part of what it gives out. */
const TOKENS = new Map<string, number>();

/**
 * A token endpoint (RFC 6749): refuses a secret other than `right`, and a refresh token other than the last it gave out, `r0` first.
 * `?fail=` answers that status.
 */
async function answerToken(request: Request, url: URL): Promise<Response> {
  const form = new URLSearchParams(await request.text());
  const at = url.searchParams.get("at") ?? "";
  const [id, secret] = atob((request.headers.get("authorization") ?? "").replace("Basic ", "")).split(":");
  if ((form.get("client_secret") ?? secret) !== "right")
    return Response.json({ error: "invalid_client" }, { status: 401 });
  const fail = url.searchParams.get("fail");
  if (fail !== null) return new Response("no", { status: Number(fail) });
  const served = TOKENS.get(at) ?? 0;
  if (form.get("grant_type") === "refresh_token" && form.get("refresh_token") !== `r${served}`) {
    return Response.json({ error: "invalid_grant", error_description: "hidden-value" }, { status: 400 });
  }
  TOKENS.set(at, served + 1);
  return Response.json({
    access_token: `${form.get("client_id") ?? id}-${served + 1}`,
    token_type: "Bearer",
    expires_in: 3_600,
    ...(form.get("grant_type") === "refresh_token" ? { refresh_token: `r${served + 1}` } : {}),
    ...(form.has("scope") ? { scope: form.get("scope") } : {}),
  });
}

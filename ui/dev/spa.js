// A single-page app by the token handler: it asks, calls and signs out with a header that no form of another site can send.
const app = document.getElementById("app");
const handler = app.dataset.handler;
const part = (id) => document.getElementById(id);

const call = (path, options = {}) => fetch(handler + path, { ...options, headers: { "Stile-BFF": "1", Accept: "application/json", ...options.headers } });

function show(state, known) {
  part("state").textContent = state;
  part("known").textContent = known === undefined ? "" : JSON.stringify(known, null, 2);
}

function buttons(signedIn) {
  part("sign-in").hidden = signedIn;
  for (const id of ["call", "refresh", "sign-out"]) part(id).hidden = !signedIn;
}

async function look(path, options) {
  const answer = await call(path, options);
  const session = answer.ok ? await answer.json() : { signed_in: false };
  buttons(session.signed_in === true);
  const failed = new URLSearchParams(location.search).get("login_error");
  show(session.signed_in ? "Signed in" : failed ? "Not signed in: " + failed : "Not signed in", session);
}

part("sign-in").addEventListener("click", () => { location.href = handler + "/login?return_to=" + encodeURIComponent("/dev/spa"); });
part("refresh").addEventListener("click", () => look("/refresh", { method: "POST" }));
part("call").addEventListener("click", async () => {
  const answer = await call("/api/me/userinfo");
  if (answer.status === 401) return look("/session");
  show("The API answered " + answer.status, await answer.json());
});
part("sign-out").addEventListener("click", async () => {
  const answer = await call("/logout", { method: "POST" });
  if (answer.ok) location.href = (await answer.json()).logout_url;
});
look("/session");

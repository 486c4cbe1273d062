/* The moving part of a run's page: asked for again and again until the run has ended.
   The server renders; this only puts what it sends into its places, and only where it differs. */
(function () {
  "use strict";

  const MOST_SECONDS = 30;
  const root = document.querySelector("[data-dbh-progress]");
  if (!root) {
    return;
  }
  const address = root.dataset.dbhProgress;
  const lost = root.querySelector("[data-dbh-lost]");
  const say = root.querySelector("[data-dbh-say]");
  let seconds = Number(root.dataset.dbhSeconds) || 2;
  let failures = 0;

  function put(name, html) {
    const place = root.querySelector(`[data-dbh-part="${name}"]`);
    if (!place || html === undefined) {
      return;
    }
    const fresh = document.createElement("template");
    fresh.innerHTML = html;
    // What has not changed stays, so that focus and selection stay as well.
    if (fresh.innerHTML !== place.innerHTML) {
      place.replaceChildren(fresh.content);
    }
  }

  function show(run) {
    put("live", run.live);
    put("buttons", run.buttons);
    put("ends", run.ends);
    if (say.textContent !== run.say) {
      say.textContent = run.say;
    }
  }

  async function ask() {
    if (document.hidden) {
      return plan();
    }
    try {
      const answer = await fetch(address, {
        credentials: "same-origin",
        headers: { Accept: "application/json" },
      });
      if (!answer.ok || answer.redirected) {
        throw new Error(String(answer.status));
      }
      const run = await answer.json();
      show(run);
      failures = 0;
      lost.hidden = true;
      seconds = run.ask_again;
    } catch {
      failures += 1;
      lost.hidden = false;
    }
    plan();
  }

  function plan() {
    if (seconds) {
      const wait = failures ? Math.min(MOST_SECONDS, seconds * 2 ** failures) : seconds;
      window.setTimeout(ask, wait * 1000);
    }
  }

  plan();
})();

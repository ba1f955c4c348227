#include "statistics_assets.h"

namespace penstock::statistics_page {
namespace {

constexpr std::string_view kStyle = R"(:root{color-scheme:light dark;--b:#fff;--f:#1c1c1c;--l:#c8ccd0;--h:#eef1f4;
--up:#d9f2df;--down:#f9d4d4;--warn:#fdebc0;--maint:#e4ddf3;--drain:#d5e6f8;--plain:#ececec;--a:#0b57a4;--e:#767d84;--bad:#b3261e}
@media(prefers-color-scheme:dark){:root{--b:#16191c;--f:#e8eaec;--l:#444b52;--h:#23282d;--up:#12401f;--down:#5b1a1a;
--warn:#574009;--maint:#3a2d5c;--drain:#143a61;--plain:#2e3338;--a:#8ec1f5;--e:#868e96;--bad:#f2867f}}
body{margin:0;padding:1rem;background:var(--b);color:var(--f);font:15px/1.4 system-ui,sans-serif}
h1{font-size:1.3rem;margin:0}h2{font-size:1.1rem;margin:1.5rem 0 .5rem}a{color:var(--a)}
nav a{margin-right:1rem}p{margin:.3rem 0}.box{overflow-x:auto}
table{border-collapse:collapse;margin-bottom:.8rem}caption{text-align:left;font-weight:600;padding:.3rem 0}
th,td{border:1px solid var(--l);padding:.2rem .45rem;text-align:right;white-space:nowrap}
th{background:var(--h);font-weight:600}th[scope=row],td.text{text-align:left}th[scope=row]{position:sticky;left:0}
.matrix td,.matrix th{text-align:left}th[scope=colgroup]{text-align:center}small{display:block}
.up{background:var(--up)}.down{background:var(--down)}.warn{background:var(--warn)}.maint{background:var(--maint)}
.drain{background:var(--drain)}.plain{background:var(--plain)}
section{content-visibility:auto;contain-intrinsic-size:auto 20rem}
.picture{text-align:left}svg{display:block;border-bottom:1px solid var(--l)}path{fill:var(--a)}.bad path{fill:var(--bad)}
button,select{font:inherit;color:inherit;background:var(--h);border:1px solid var(--e);border-radius:.2rem;padding:.2rem .6rem}
:focus-visible{outline:3px solid var(--a);outline-offset:1px}
@media(max-width:40rem){body{padding:.5rem;font-size:14px}th,td{padding:.15rem .3rem}}
@media print{nav,form p,#live{display:none}.box{overflow:visible}body{font-size:10px}
section{content-visibility:visible;break-inside:avoid}}
)";

// Takes the page anew now and then, and changes what differs: who reads or writes on it is not disturbed. It rests while
// nobody looks, and ten times as long as one turn took.
constexpr std::string_view kScript = R"('use strict';
(() => {
  const seconds = Number(document.body.dataset.live);
  const line = document.getElementById('live');
  if (!seconds || !line) return;
  const words = document.createElement('span');
  const button = document.createElement('button');
  button.type = 'button';
  line.append(words, ' ', button);
  line.hidden = false;
  let stopped = false, timer = 0;

  const same = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName;
  function attributes(a, b) {
    for (const {name} of [...a.attributes]) if (!b.hasAttribute(name)) a.removeAttribute(name);
    for (const {name, value} of b.attributes) {
      if (a.getAttribute(name) === value) continue;
      a.setAttribute(name, value);
      if (a.type === 'checkbox') a.checked = false;
    }
  }
  function change(a, b) {
    if (!same(a, b)) return a.replaceWith(b);
    if (a.nodeType !== Node.ELEMENT_NODE) {
      if (a.data !== b.data) a.data = b.data;
      return;
    }
    attributes(a, b);
    const before = [...a.childNodes], after = [...b.childNodes];
    if (before.length !== after.length) return a.replaceChildren(...after);
    before.forEach((child, i) => change(child, after[i]));
  }

  function say(text) {
    words.textContent = text + ' ' + new Date().toLocaleTimeString() + '.';
    button.textContent = stopped ? 'Go on' : 'Pause';
  }
  function rest(took) {
    clearTimeout(timer);
    if (!stopped) timer = setTimeout(look, Math.max(seconds * 1000, took * 10));
  }
  async function look() {
    if (document.hidden) return rest(0);
    const begun = performance.now();
    try {
      const answer = await fetch(location.href.split(';st=')[0], {cache: 'no-store'});
      if (!answer.ok) throw new Error(answer.status);
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      for (const part of ['facts', 'main']) {
        const now = document.getElementById(part), then = page.getElementById(part);
        if (now && then) change(now, then);
      }
      if (!stopped) say('Live: as of');
    } catch (error) {
      say('No answer (' + error.message + ') at');
    }
    rest(performance.now() - begun);
  }
  button.addEventListener('click', () => {
    stopped = !stopped;
    say(stopped ? 'Stopped at' : 'Live: as of');
    if (stopped) clearTimeout(timer); else look();
  });
  document.addEventListener('visibilitychange', () => { if (!document.hidden && !stopped) look(); });
  say('Live: as of');
  rest(0);
})();
)";

}  // namespace

std::string_view style() { return kStyle; }
std::string_view script() { return kScript; }

}  // namespace penstock::statistics_page

// The part that all kinds of challenges share: it sends the proof, and then loads the
// page that the visitor wanted. d has the data of the challenge. The script of the
// challenge calls begin. See terse in page_sheet.go for the rules of this file.

const
	// All elements are inside of one, because an operator's template may use any id or
	// class itself.
	root = document.getElementById("tocsin"),
	find = s => root.querySelector(s),
	form = find("form"), bar = find("progress"), key = find("button"),
	say = text => find("[role]").textContent = text,

	// Absolute, because a path that begins with two slashes would become a host.
	here = location.origin + location.pathname + location.search;

// sessionStorage limits how often the page reloads itself. Without it, the visitor must
// click for each step. A SecurityError (18) means that cookies are blocked too,
// whatever navigator.cookieEnabled says.
let nth, at, won, tab;
try {
	tab = sessionStorage;
	[at, nth, won] = (tab.tocsin || "").split(" ");
	if (!(Date.now() - at < 1e4)) nth = won = 0;
	tab.tocsin = "";
} catch (e) {
	nth = 9;
	won = e.code == 18;
}

const
	// resend is in form.js, and away in leave.js.
	go = () => form ? resend() : d.lost ? location.assign(here) : d.by ? away() : location.reload(),

	stop = (text, label) => {
		say(text);
		if (bar) bar.remove();
		key.textContent = label;
		key.hidden = !label;
		key.onclick = go;
	},
	fail = () => stop(d.failed, d.again),

	send = async body => {
		try {
			// A service worker may have cached this page and would show it again.
			for (const n of await caches.keys()) (await caches.open(n)).delete(here);
		} catch {}
		try {
			const ok = (await fetch(here, {
				method: "POST",
				headers: {"X-Tocsin-Answer": d.token},
				// A service worker or the network may never answer. Old browsers have
				// no AbortSignal.timeout.
				signal: AbortSignal.timeout && AbortSignal.timeout(4e4),
				body
			})).status == 204;
			if (nth > 1 || d.lost) ok ? stop(d.done, d.go) : fail();
			else {
				tab.tocsin = [Date.now(), -~nth, ok ? 1 : ""].join(" ");
				if (ok) say(d.done);
				go();
			}
		} catch { fail() }
	},

	// A new challenge right after a correct proof means that the browser does not send
	// the cookie with the pass.
	begin = ask => {
		root.hidden = 0;
		nth > 1 && won ? stop(d.cookies, d.again) : ask();
	};

// From the back/forward cache the page would show an old challenge.
onpageshow = e => e.persisted && !form && !d.lost && go();

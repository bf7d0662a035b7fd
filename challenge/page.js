// What the page does whichever way it asks: it sends the proof, and goes where
// the visitor wanted to. d is what one challenge has; the script that asks calls
// begin. How this may be written, terse says.

const
	// All is found below one element: an own template may use any name itself.
	root = document.getElementById("tocsin"),
	find = s => root.querySelector(s),
	form = find("form"), bar = find("progress"), key = find("button"),
	say = text => find("[role]").textContent = text,

	// Absolute: a path that begins with two slashes must not become a host.
	here = location.origin + location.pathname + location.search;

// What the tab remembers bounds how often the page loads itself. If it can
// remember nothing, each step is the visitor's. Where that is denied to it, with a
// SecurityError (18), cookies are too, whatever navigator.cookieEnabled says.
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
	// What sends a form again is in form.js, and what goes on where another site has
	// led here in leave.js.
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
			// A service worker may keep whatever it gets, and would show this page again.
			for (const n of await caches.keys()) (await caches.open(n)).delete(here);
		} catch {}
		try {
			const ok = (await fetch(here, {
				method: "POST",
				headers: {"X-Tocsin-Answer": d.token},
				// It, or the network, may never answer. Old browsers have no timeout.
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

	// Who is asked again although the last proof was right did not get the pass
	// back, and who may remember nothing never will.
	begin = ask => {
		root.hidden = 0;
		nth > 1 && won ? stop(d.cookies, d.again) : ask();
	};

// From the back/forward cache the page would show what is over.
onpageshow = e => e.persisted && !form && !d.lost && go();

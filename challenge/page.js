// What the page does whichever way it asks: it sends the proof, and goes where
// the visitor wanted to. d is what one challenge has; the script that asks calls
// begin. How this may be written, terse says.

const
	// All is found below one element: an own template may use any name itself.
	root = document.getElementById("tocsin"),
	find = s => root.querySelector(s),
	form = find("form"), bar = find("progress"), button = find("button"),
	say = text => find("[role]").textContent = text,

	// Absolute: a path that begins with two slashes must not become a host.
	here = location.origin + location.pathname + location.search;

// What the tab remembers bounds how often the page loads itself. If it can
// remember nothing, each step is the visitor's. Where that is denied to it, with a
// SecurityError (18), cookies are too, whatever navigator.cookieEnabled says.
let tries, at, solved;
try {
	[at, tries, solved] = (sessionStorage.tocsin || "").split(" ");
	if (!(Date.now() - at < 1e4)) tries = solved = 0;
	sessionStorage.tocsin = "";
} catch (e) {
	tries = 9;
	solved = e.code == 18;
}

const
	go = () => {
		if (form) {
			// A step back must not end here, where the browser would ask for the form.
			history.replaceState(0, "", here);
			// A field may have the name submit, so the prototype's is called.
			HTMLFormElement.prototype.submit.call(form);
		} else d.lost ? location.assign(here) : location.reload();
	},

	stop = (text, label) => {
		say(text);
		if (bar) bar.remove();
		button.textContent = label;
		button.hidden = !label;
		button.onclick = go;
	},
	failed = () => stop(d.failed, d.again),

	send = body => fetch(here, {method: "POST", headers: {"X-Tocsin-Answer": d.token}, body}).then(r => {
		const ok = r.status == 204;
		if (tries > 1 || d.lost) ok ? stop(d.done, d.go) : failed();
		else {
			sessionStorage.tocsin = [Date.now(), tries * 1 + 1, ok ? 1 : ""].join(" ");
			if (ok) say(d.done);
			go();
		}
	}).catch(failed),

	// Who is asked again although the last proof was right did not get the pass
	// back, and who may remember nothing never will.
	begin = ask => {
		root.hidden = false;
		tries > 1 && solved ? stop(d.cookies, d.again) : ask();
	};

// From the back/forward cache the page would show what is over.
onpageshow = e => e.persisted && !form && !d.lost && location.reload();

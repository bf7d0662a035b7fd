// Continues a visit that came from another site. A reload would count as a request of
// the site itself, with all its cookies. A navigation from a sandboxed frame stays
// cross-site. Where that is impossible, the visitor clicks.
const away = () => {
	const to = location.href, frame = document.createElement("iframe"), click = () => {
		stop(find("[role]").textContent, d.go);
		find("button").onclick = () => location.reload();
	};
	// A visit from another host of the same site has all cookies. From a frame it would
	// lose some.
	if (d.by != "cross-site" || top != self) return click();
	frame.name = to;
	frame.hidden = true;
	frame.sandbox = "allow-scripts allow-top-navigation";
	frame.srcdoc = "\x3cmeta name=referrer content=no-referrer>\x3cscript nonce=" + d.nonce + ">top.location.replace(name)\x3c/script>";
	// With a fragment in the address, a navigation to the same address would load
	// nothing.
	if (location.hash) history.replaceState(0, "", here + (location.search ? "&" : "?"));
	root.append(frame);
	setTimeout(() => {
		history.replaceState(0, "", to);
		click();
	}, 1e4);
};

// Goes on where another site has led to this page. To load it anew would make a
// request of the site's own out of that one, with all cookies. One that begins in a
// frame of no origin stays another site's; else a click has to lead on.
const away = () => {
	const to = location.href, frame = document.createElement("iframe"), click = () => {
		stop(find("[role]").textContent, d.go);
		find("button").onclick = () => location.reload();
	};
	// From another host of the same site all cookies come, which they would not then.
	if (d.by != "cross-site" || top != self) return click();
	frame.name = to;
	frame.hidden = true;
	frame.sandbox = "allow-scripts allow-top-navigation";
	frame.srcdoc = "\x3cmeta name=referrer content=no-referrer>\x3cscript nonce=" + d.nonce + ">top.location.replace(name)\x3c/script>";
	// From an address with a fragment to itself nothing would be loaded.
	if (location.hash) history.replaceState(0, "", here + (location.search ? "&" : "?"));
	root.append(frame);
	setTimeout(() => {
		history.replaceState(0, "", to);
		click();
	}, 1e4);
};

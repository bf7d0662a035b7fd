// Has a provider's widget ask. Each has callbacks of its own, but all of them
// write what they found into a field.
begin(() => {
	const script = document.createElement("script");
	script.nonce = d.nonce;
	d.script ? script.src = d.script : script.text = d.inline;
	script.onerror = () => stop(d.blocked, d.again);
	say(d.ask);
	root.append(script);
	const wait = setInterval(() => {
		const field = find("div").querySelector("[name='" + d.field + "']");
		if (!field || !field.value) return;
		clearInterval(wait);
		send(field.value);
	}, 200);
});

// Shows a provider's widget. Each provider has its own callbacks, but all write the
// response into a form field, so this waits for the field.
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

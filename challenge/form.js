// Sends the kept form. It comes after the other scripts, if there is a form.
const resend = () => {
	// "Back" must not lead to this page, where the browser would ask whether to send
	// the form again.
	history.replaceState(0, "", here);
	// A field may be called submit, so the prototype's method is called.
	HTMLFormElement.prototype.submit.call(form);
};

// A library that fetches pages may show this page inside another one. Then the page's
// address is not the target of the form.
if (document.readyState != "loading" && d.to) form.action = location.origin + d.to;

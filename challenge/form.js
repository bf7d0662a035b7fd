// Sends the form that the page has kept. It follows the other scripts where there is one.
const resend = () => {
	// A step back must not end here, where the browser would ask for the form.
	history.replaceState(0, "", here);
	// A field may have the name submit, so the prototype's is called.
	HTMLFormElement.prototype.submit.call(form);
};

// A library that fetches pages may have put this one into another page, whose address
// is not the one that the form was going to.
if (document.readyState != "loading" && d.to) form.action = location.origin + d.to;

package challenge

import (
	"net/url"
	"slices"
	"time"
)

// A Service is a hosted provider of the siteverify protocol: a widget of its own
// in the page, and a server that says what the widget's response is worth. Each
// learns the visitor's address from the browser, which is why none is the
// default.
//
// The answers to the keys for tests that are named here tell of a made-up host:
// say it in Hostnames.
type Service string

// The services.
const (
	// Turnstile is Cloudflare's.
	//
	// Site key 1x00000000000000000000AA with secret
	// 1x0000000000000000000000000000000AA always passes, with Action "test";
	// 2x00000000000000000000AB with 2x0000000000000000000000000000000AA never.
	// (developers.cloudflare.com/turnstile)
	Turnstile Service = "turnstile"

	// HCaptcha is Intuition Machines'. It calls the hostname in its answer a
	// statistical value taken from the browser, and says not-provided in its place
	// under high load; so the site key is sent along for it to check too.
	//
	// Site key 10000000-ffff-ffff-ffff-000000000001 with secret
	// 0x0000000000000000000000000000000000000000 always passes.
	// (docs.hcaptcha.com)
	HCaptcha Service = "hcaptcha"

	// ReCaptcha is Google's version 2, with a checkbox.
	//
	// Site key 6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI with secret
	// 6LeIxAcTAAAAAGG-vFI1TnRWxMZNFuojJ4WifJWe always passes.
	// (developers.google.com/recaptcha/docs)
	ReCaptcha Service = "recaptcha"

	// ReCaptchaV3 is Google's version 3. It shows nothing and gives a score, so
	// that a person whom it scores low has no way to prove anything.
	ReCaptchaV3 Service = "recaptcha_v3"

	// Custom is any other that speaks the protocol. Everything has to be said
	// about it.
	Custom Service = "siteverify"
)

// A preset is what is known of a service.
type preset struct {
	verify, script string              // URLs
	class, field   string              // of the widget
	policy         map[string][]string // see Widget
	maxResponse    int                 // bytes of a response, 0: what any Claim may have
	maxAge         time.Duration       // of a response

	actions string // what names of actions may have besides letters and digits; empty: no actions
	scored  bool   // its answers have a score, 1 for a person
	sendKey bool   // its server takes the site key, to check it too
}

const (
	google  = "https://www.google.com/recaptcha/"
	gstatic = "https://www.gstatic.com/recaptcha/"
)

// preset returns what is known of s, and whether it is a service.
func (s Service) preset() (preset, bool) {
	switch s {
	case Turnstile:
		return preset{
			verify: "https://challenges.cloudflare.com/turnstile/v0/siteverify",
			script: "https://challenges.cloudflare.com/turnstile/v0/api.js",
			class:  "cf-turnstile", field: "cf-turnstile-response",
			policy:      sources([]string{"https://challenges.cloudflare.com"}, "script-src", "frame-src"),
			maxResponse: 2048, maxAge: 5 * time.Minute,
			actions: "_-",
		}, true
	case HCaptcha:
		return preset{
			verify: "https://api.hcaptcha.com/siteverify",
			script: "https://js.hcaptcha.com/1/api.js",
			class:  "h-captcha", field: "h-captcha-response",
			policy: sources([]string{"https://hcaptcha.com", "https://*.hcaptcha.com"}, "script-src", "frame-src", "style-src", "connect-src"),
			maxAge: 5 * time.Minute, sendKey: true,
		}, true
	case ReCaptcha:
		p := fromGoogle()
		p.class, p.field = "g-recaptcha", "g-recaptcha-response"
		// Its challenge_ts is when the widget was loaded, not when it was solved.
		p.maxAge = 10 * time.Minute
		return p, true
	case ReCaptchaV3:
		p := fromGoogle()
		p.class, p.field = v3Class, v3Field
		p.maxAge, p.actions, p.scored = 5*time.Minute, "_/", true
		return p, true
	case Custom:
		return preset{maxAge: 5 * time.Minute, actions: "_/-"}, true
	}
	return preset{}, false
}

// fromGoogle returns what both versions of reCAPTCHA have in common.
func fromGoogle() preset {
	return preset{
		verify: google + "api/siteverify",
		script: google + "api.js",
		policy: map[string][]string{
			"script-src":  {google, gstatic},
			"frame-src":   {google, "https://recaptcha.google.com/recaptcha/"},
			"connect-src": {google},
			"img-src":     {gstatic},
			// It writes style attributes, which no nonce covers.
			"style-src": {unsafeInline},
		},
	}
}

// sources returns a policy that allows all of allowed in each of directives.
func sources(allowed []string, directives ...string) map[string][]string {
	policy := make(map[string][]string, len(directives))
	for _, d := range directives {
		policy[d] = allowed
	}
	return policy
}

// widget returns what the page shows for c, whose defaults are filled in.
func (p preset) widget(c SiteVerifyConfig) Widget {
	w := Widget{
		Script: c.ScriptURL, Class: c.Class, Field: c.Field,
		Data:   map[string]string{"sitekey": c.SiteKey},
		Policy: map[string][]string{},
	}
	if c.Action != "" {
		w.Data["action"] = c.Action
	}
	for directive, allowed := range p.policy {
		w.allow(directive, allowed...)
	}
	for directive, allowed := range c.Policy {
		w.allow(directive, allowed...)
	}
	script, err := url.Parse(c.ScriptURL)
	if err == nil && c.ScriptURL != p.script { // a script from elsewhere brings its frames from there
		for _, directive := range []string{"script-src", "frame-src", "connect-src", "style-src", "img-src"} {
			w.allow(directive, script.Scheme+"://"+script.Host)
		}
	}
	if c.Service == ReCaptchaV3 {
		w.Data["script"] = withParameter(script, "render", c.SiteKey)
		w.Script, w.Inline = "", v3Script
	}
	return w
}

// allow adds to the policy of w.
func (w *Widget) allow(directive string, allowed ...string) {
	w.Policy[directive] = slices.Concat(w.Policy[directive], allowed)
}

// withParameter returns u with one more parameter in its query.
func withParameter(u *url.URL, name, value string) string {
	longer := *u
	query := longer.Query()
	query.Set(name, value)
	longer.RawQuery = query.Encode()
	return longer.String()
}

const (
	v3Class = "tocsin-recaptcha"
	v3Field = "tocsin-recaptcha-response"
)

// v3Script asks reCAPTCHA version 3, which has no widget of its own, for a
// response and puts it into a field like theirs. All that differs from site to
// site is in the element's data.
const v3Script = `(function () {
  "use strict";
  var nonce = (document.currentScript || {}).nonce;
  function start() {
    var box = document.querySelector(".tocsin-recaptcha");
    var field = document.createElement("input");
    field.type = "hidden";
    field.name = "tocsin-recaptcha-response";
    box.appendChild(field);
    var api = document.createElement("script");
    if (nonce) api.nonce = nonce;
    api.onload = function () {
      grecaptcha.ready(function () {
        grecaptcha.execute(box.dataset.sitekey, { action: box.dataset.action }).then(function (token) {
          field.value = token;
          field.dispatchEvent(new Event("change", { bubbles: true }));
        });
      });
    };
    api.src = box.dataset.script;
    document.head.appendChild(api);
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
`

// Services returns all services that there are.
func Services() []Service {
	return []Service{Turnstile, HCaptcha, ReCaptcha, ReCaptchaV3, Custom}
}

package challenge

import (
	"net/url"
	"slices"
	"time"
)

// A Service is a hosted provider of the siteverify protocol: a widget in the page, and
// a server that verifies the widget's response. Each one learns the visitor's address
// from the browser, so none is the default.
//
// With the test keys below, the answers contain an invented host: add it to Hostnames.
type Service string

// The services.
const (
	// Turnstile is Cloudflare's service.
	//
	// Site key 1x00000000000000000000AA with secret
	// 1x0000000000000000000000000000000AA always passes, with Action "test";
	// 2x00000000000000000000AB with 2x0000000000000000000000000000000AA never.
	// (developers.cloudflare.com/turnstile)
	Turnstile Service = "turnstile"

	// HCaptcha is Intuition Machines' service. The hostname in its answer comes from
	// the browser, and under high load it is not-provided. So tocsin also sends the
	// site key, and hCaptcha checks that.
	//
	// Site key 10000000-ffff-ffff-ffff-000000000001 with secret
	// 0x0000000000000000000000000000000000000000 always passes.
	// (docs.hcaptcha.com)
	HCaptcha Service = "hcaptcha"

	// ReCaptcha is Google's reCAPTCHA version 2, with a checkbox.
	//
	// Site key 6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI with secret
	// 6LeIxAcTAAAAAGG-vFI1TnRWxMZNFuojJ4WifJWe always passes.
	// (developers.google.com/recaptcha/docs)
	ReCaptcha Service = "recaptcha"

	// ReCaptchaV3 is Google's reCAPTCHA version 3. It shows nothing and only gives a
	// score: a person with a low score has no way to enter.
	ReCaptchaV3 Service = "recaptcha_v3"

	// Custom is any other service with the same protocol. It needs all fields of the
	// config.
	Custom Service = "siteverify"
)

// A preset has the fixed settings of a service.
type preset struct {
	verify, script string              // URLs
	class, field   string              // of the widget
	policy         map[string][]string // see Widget
	maxResponse    int                 // bytes of a response; 0: the limit of a Claim
	maxAge         time.Duration       // of a response

	actions string // allowed in names of actions besides letters and digits; empty: the service has no actions
	scored  bool   // its answers have a score, 1 for a person
	sendKey bool   // its server also checks the site key
}

const (
	google  = "https://www.google.com/recaptcha/"
	gstatic = "https://www.gstatic.com/recaptcha/"
)

// preset returns the settings of s, and whether s is a known service.
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
		// Its challenge_ts is the time when the widget was loaded, not when it was
		// solved.
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

// fromGoogle returns the settings that both versions of reCAPTCHA share.
func fromGoogle() preset {
	return preset{
		verify: google + "api/siteverify",
		script: google + "api.js",
		policy: map[string][]string{
			"script-src":  {google, gstatic},
			"frame-src":   {google, "https://recaptcha.google.com/recaptcha/"},
			"connect-src": {google},
			"img-src":     {gstatic},
			// It writes style attributes, which a nonce does not allow.
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

// widget returns the widget for c. The defaults of c are filled in.
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
	if err == nil && c.ScriptURL != p.script { // another script loads its frames from its own origin
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

// allow adds sources to the policy of w.
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

// v3Script asks reCAPTCHA version 3 for a response and puts it into a form field,
// because version 3 has no widget. The settings of the site are in the element's data
// attributes.
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

// Services returns all services.
func Services() []Service {
	return []Service{Turnstile, HCaptcha, ReCaptcha, ReCaptchaV3, Custom}
}

package detect

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/event"
)

// An answerer is an application as it answers on the wire: to a wrong password, to a
// right one, and to a right one where a code is asked for. GUESS stands for the
// password, NAME for the name.
type answerer struct {
	name                string
	post                step
	wrong, right, step2 step // an empty one: it has none
}

// answerers have a cookie with each answer, tell of a success by a cookie or in words of
// their own, or ask for a second factor.
func answerers() []answerer {
	json := func(status int, body, cookie string) step {
		return step{status: status, media: "application/json", answer: body, cookie: cookie}
	}
	text := func(status int, body, cookie string) step {
		return step{status: status, media: "text/plain; charset=utf-8", answer: body, cookie: cookie}
	}
	page := func(body, cookie string) step {
		return step{status: 200, media: "text/html; charset=utf-8", answer: body, cookie: cookie}
	}
	moves := func(status int, to, cookie string) step {
		return step{status: status, location: to, cookie: cookie}
	}
	inForm := func(target, body string) step { return step{target: target, body: body} }
	inJSON := func(target, body string) step { return step{target: target, body: body, form: mediaJSON} }
	from := func(referer string, s step) step { s.referer = referer; return s }
	const again = `<form method="post"><input name="u"><input type="password" name="p"></form>`
	const code = `<form method="post"><input name="code" inputmode="numeric" autocomplete="one-time-code"></form>`
	none := step{}
	return []answerer{
		{
			"Laravel", inForm("/login", "_token=x&email=NAME%40b.example&password=GUESS"),
			moves(302, "https://blog.example/login", "laravel_session=eyJpdiI6; path=/"), moves(302, "https://blog.example/dashboard", "laravel_session=eyJpdiI7; path=/"),
			moves(302, "https://blog.example/two-factor-challenge", "laravel_session=x"),
		},
		{
			"Laravel, a form on the start page", from("https://blog.example/", inForm("/login", "_token=x&email=NAME%40b.example&password=GUESS")),
			moves(302, "https://blog.example", "laravel_session=x"), moves(302, "https://blog.example/home", "laravel_session=x"), none,
		},
		{
			"Laravel Fortify, JSON", inJSON("/login", `{"email":"NAME","password":"GUESS"}`),
			json(422, `{"message":"These credentials do not match our records."}`, "laravel_session=x"), json(200, `{"two_factor":false,"status":"ok"}`, "laravel_session=y"),
			json(200, `{"two_factor":true}`, "laravel_session=x"),
		},
		{
			"Magento", from("https://blog.example/customer/account/login/", inForm("/customer/account/loginPost/", "form_key=x&login%5Busername%5D=NAME&login%5Bpassword%5D=GUESS")),
			moves(302, "https://blog.example/customer/account/login/", "PHPSESSID=x; path=/"), moves(302, "https://blog.example/customer/account/", "PHPSESSID=y; path=/"), none,
		},
		{
			"Magento, from the checkout", from("https://blog.example/checkout/", inForm("/customer/account/loginPost/", "form_key=x&login%5Busername%5D=NAME&login%5Bpassword%5D=GUESS")),
			moves(302, "https://blog.example/customer/account/login/referer/aHR0cHM~/", "PHPSESSID=x; path=/"), moves(302, "https://blog.example/customer/account/", "PHPSESSID=y; path=/"), none,
		},
		{
			"Devise", inForm("/users/sign_in", "user%5Bemail%5D=NAME&user%5Bpassword%5D=GUESS"),
			moves(302, "/users/sign_in", "_app_session=x; path=/; HttpOnly"), moves(303, "/", "_app_session=y; path=/; HttpOnly"),
			moves(302, "/users/two_factor_authentication", "_app_session=z"),
		},
		{
			"Flask", from("https://blog.example/auth/login?next=%2F", inForm("/auth/login?next=%2F", "username=NAME&password=GUESS")),
			moves(302, "/auth/login", "session=.eJx; HttpOnly; Path=/"), moves(302, "/", "session=.eJy; HttpOnly; Path=/"), none,
		},
		{
			"Joomla, the module", from("https://blog.example/", inForm("/", "username=NAME&password=GUESS&option=com_users&task=user.login&return=aHR0cHM")),
			moves(303, "https://blog.example/index.php/component/users/login", "0f1e=x; path=/"),
			step{status: 303, location: "https://blog.example/", cookie: "joomla_user_state=logged_in; path=/; secure; HttpOnly"},
			none,
		},
		{
			"Moodle", inForm("/login/index.php", "anchor=&logintoken=x&username=NAME&password=GUESS"),
			moves(303, "https://blog.example/login/index.php?loginredirect=1", "MoodleSession=x; path=/"), moves(303, "https://blog.example/login/index.php?testsession=23", "MoodleSession=y; path=/"), none,
		},
		{
			"Roundcube", inForm("/?_task=login", "_token=x&_task=login&_action=login&_user=NAME&_pass=GUESS"),
			step{status: 401, media: "text/html", answer: again, cookie: "roundcube_sessauth=-del-; expires=Thu, 01-Jan-1970 00:00:01 GMT"},
			moves(302, "./?_task=mail&_token=k3", "roundcube_sessauth=Sx; path=/; HttpOnly"), moves(302, "./?_task=login&_action=plugin.2fa", "roundcube_sessauth=Sx"),
		},
		{
			"Roundcube of old", inForm("/mail/?_task=login", "_token=x&_task=login&_action=login&_user=NAME&_pass=GUESS"),
			page(again, "roundcube_sessid=x"), moves(302, "./?_task=mail&_token=k3", "roundcube_sessauth=Sx; path=/; HttpOnly"), none,
		},
		{
			"Ghost", inJSON("/ghost/api/admin/session", `{"username":"NAME","password":"GUESS"}`),
			json(422, `{"errors":[{"message":"Your password is incorrect."}]}`, ""), text(201, "Created", "ghost-admin-api-session=s%3Ax; Path=/ghost"),
			json(403, `{"errors":[{"message":"User must verify session to login.","type":"Needs2FAError","code":"2FA_TOKEN_REQUIRED"}]}`, "ghost-admin-api-session=s"),
		},
		{
			"Discourse", inForm("/session", "login=NAME&password=GUESS&second_factor_method=1&timezone=UTC"),
			json(200, `{"error":"Incorrect username, email or password"}`, "_forum_session=x"), json(200, `{"user":{"id":7,"username":"NAME","name":"N"}}`, "_t=x; path=/; HttpOnly"),
			json(200, `{"error":"Invalid authentication code","reason":"invalid_second_factor","failed":"FAILED","totp_enabled":true}`, "_forum_session=x"),
		},
		{
			"AdGuard Home", inJSON("/control/login", `{"name":"NAME","password":"GUESS"}`),
			text(403, "invalid username or password", ""), text(200, "OK\n", "agh_session=x; Path=/; HttpOnly"), none,
		},
		{
			"Nextcloud", inForm("/index.php/login", "user=NAME&password=GUESS&requesttoken=x"),
			moves(303, "/index.php/login?direct=1&user=NAME", "nc_session_id=x"), moves(303, "/index.php/apps/files/", "nc_session_id=y"), moves(303, "/index.php/login/selectchallenge", "nc_session_id=z"),
		},
		{
			"Gitea", inForm("/user/login", "_csrf=x&user_name=NAME&password=GUESS"),
			page(again, "i_like_gitea=x"), moves(303, "/", "i_like_gitea=y; Path=/"), moves(303, "/user/two_factor", "i_like_gitea=z"),
		},
		{
			"GitLab", inForm("/users/sign_in", "user%5Blogin%5D=NAME&user%5Bpassword%5D=GUESS"),
			step{status: 422, answer: again, cookie: "_gitlab_session=x"},
			moves(302, "https://blog.example/", "_gitlab_session=y"), page(code, "_gitlab_session=z"),
		},
		{
			"Keycloak", inForm("/realms/main/login-actions/authenticate?session_code=x", "username=NAME&password=GUESS"),
			page(again, "AUTH_SESSION_ID=x"), moves(302, "https://app.example/callback?code=y", "KEYCLOAK_IDENTITY=x; Path=/realms/main/"), page(code, "AUTH_SESSION_ID=x"),
		},
		{
			"ASP.NET", inForm("/Identity/Account/Login", "Input.Email=NAME&Input.Password=GUESS"),
			page(again, ""), moves(302, "/", ".AspNetCore.Identity.Application=x"), moves(302, "/Identity/Account/LoginWith2fa?ReturnUrl=%2F&RememberMe=False", "Identity.TwoFactorUserId=x"),
		},
		{
			"Vaultwarden", inForm("/identity/connect/token", "grant_type=password&username=NAME&password=GUESS"),
			json(400, `{"error":"invalid_grant","error_description":"Username or password is incorrect. Try again."}`, ""), json(200, `{"access_token":"x"}`, ""),
			json(400, `{"error":"invalid_grant","error_description":"Two factor required.","TwoFactorProviders":["0"],"TwoFactorProviders2":{"0":null}}`, ""),
		},
		{
			"Auth0", inJSON("/oauth/token", `{"grant_type":"password","username":"NAME","password":"GUESS"}`),
			json(403, `{"error":"invalid_grant","error_description":"Wrong email or password."}`, ""), json(200, `{"access_token":"x"}`, ""),
			json(403, `{"error":"mfa_required","error_description":"Multifactor authentication required","mfa_token":"Fe26"}`, ""),
		},
		{
			"an API with 401 for the second step", inJSON("/api/login", `{"username":"NAME","password":"GUESS"}`),
			json(401, `{"mfa_required":false,"error":"bad credentials"}`, ""), json(200, `{"token":"x"}`, ""), json(401, `{"mfa_required":true}`, ""),
		},
		{
			"Mattermost", inJSON("/api/v4/users/login", `{"login_id":"NAME","password":"GUESS","token":""}`),
			json(401, `{"id":"api.user.login.invalid_credentials_email_username","message":"Enter a valid email or username and/or password."}`, ""),
			json(200, `{"id":"0f","username":"NAME","roles":"system_user"}`, "MMAUTHTOKEN=x; Path=/; HttpOnly"),
			json(401, `{"id":"mfa.validate_token.authenticate.app_error","message":"Invalid MFA token."}`, ""),
		},
		{
			"Okta", inJSON("/api/v1/authn", `{"username":"NAME","password":"GUESS"}`),
			json(401, `{"errorCode":"E0000004","errorSummary":"Authentication failed"}`, ""), json(200, `{"status":"SUCCESS","sessionToken":"2x"}`, ""),
			json(200, `{"stateToken":"00x","status":"MFA_REQUIRED"}`, ""),
		},
		{
			"Rocket.Chat", inJSON("/api/v1/login", `{"user":"NAME","password":"GUESS"}`),
			json(401, `{"status":"error","error":"Unauthorized","message":"Unauthorized"}`, ""), json(200, `{"status":"success","data":{"userId":"x","authToken":"y"}}`, ""),
			json(401, `{"status":"error","error":"totp-required","message":"TOTP Required [totp-required]"}`, ""),
		},
		{
			"Home Assistant", inJSON("/auth/login_flow/0b9c1f7e5d214c5a", `{"username":"NAME","password":"GUESS"}`),
			json(200, `{"type":"form","step_id":"init","errors":{"base":"invalid_auth"}}`, ""), json(200, `{"version":1,"type":"create_entry","result":"0b9c1f7e5d214c5a9a7b0b9c1f7e5d21"}`, ""), json(200, `{"type":"form","step_id":"mfa","errors":{}}`, ""),
		},
		{
			"Cognito",
			step{target: "/", form: "application/x-amz-json-1.1", body: `{"AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"NAME","PASSWORD":"GUESS"}}`},
			json(400, `{"__type":"NotAuthorizedException","message":"Incorrect username or password."}`, ""), json(200, `{"AuthenticationResult":{"AccessToken":"x"}}`, ""),
			json(200, `{"ChallengeName":"SOFTWARE_TOKEN_MFA","Session":"x"}`, ""),
		},
		{
			"Zabbix",
			step{target: "/api_jsonrpc.php", form: "application/json-rpc", body: `{"jsonrpc":"2.0","method":"user.login","params":{"username":"NAME","password":"GUESS"},"id":1}`},
			json(200, `{"jsonrpc":"2.0","error":{"code":-32500,"message":"Application error.","data":"Incorrect user name or password or account is temporarily blocked."},"id":1}`, ""),
			json(200, `{"jsonrpc":"2.0","result":"0424bd59b807674191e7d77572075f33","id":1}`, ""), none,
		},
		{
			"OpenWrt",
			step{target: "/ubus", form: mediaJSON, body: `{"jsonrpc":"2.0","method":"call","params":["0","session","login",{"username":"NAME","password":"GUESS"}]}`},
			none, json(200, `{"jsonrpc":"2.0","id":1,"result":[0,{"ubus_rpc_session":"c1"}]}`, ""), none,
		},
		{
			"Odoo, JSON", inJSON("/web/session/authenticate", `{"jsonrpc":"2.0","params":{"db":"x","login":"NAME","password":"GUESS"}}`),
			json(200, `{"jsonrpc":"2.0","id":null,"error":{"code":200,"message":"Odoo Server Error","data":{"name":"odoo.exceptions.AccessDenied"}}}`, "session_id=x"),
			json(200, `{"jsonrpc":"2.0","id":null,"result":{"uid":2,"username":"NAME"}}`, "session_id=y"), none,
		},
		{
			"an API with +json",
			step{target: "/api/sessions", form: "application/vnd.api+json", body: `{"data":{"attributes":{"email":"NAME","password":"GUESS"}}}`},
			step{status: 401, media: "application/vnd.api+json", answer: `{"errors":[{"status":"401"}]}`},
			step{status: 201, media: "application/vnd.api+json", answer: `{"data":{"id":"1"}}`, cookie: "sid=x"},
			none,
		},
		{
			"MediaWiki", inForm("/index.php?title=Special:UserLogin&returnto=Main+Page", "wpName=NAME&wpPassword=GUESS&wploginattempt=Log+in"),
			page(again, "wiki_session=x"), moves(302, "https://blog.example/index.php?title=Main_Page", "wikiUserID=1; path=/"), none,
		},
		{
			"OpenCart", inForm("/index.php?route=account/login", "email=NAME&password=GUESS"),
			page(again, "OCSESSID=x"), moves(302, "https://blog.example/index.php?route=account/account&language=en", "OCSESSID=y"), none,
		},
		{
			"SuiteCRM", inForm("/index.php", "module=Users&action=Authenticate&user_name=NAME&username_password=GUESS"),
			moves(302, "index.php?action=Login&module=Users&loginErrorMessage=LBL_ERR_INVALID_PASSWORD", "PHPSESSID=x"), moves(302, "index.php?module=Home&action=index", "PHPSESSID=y"), none,
		},
		{
			"MantisBT", inForm("/login.php", "username=NAME&password=GUESS&return=index.php"),
			moves(302, "/login_page.php?error=1&username=NAME", "PHPSESSID=x"), moves(302, "/login_cookie_test.php?return=index.php", "MANTIS_STRING_COOKIE=x"), none,
		},
		{
			"CAS", inForm("/login?service=https%3A%2F%2Fapp.example%2Flogin", "username=NAME&password=GUESS&execution=x"),
			step{status: 401, answer: again},
			moves(302, "https://app.example/login?ticket=ST-1-x", "TGC=x; Path=/"), none,
		},
		{
			"GitHub Enterprise", inForm("/session", "login=NAME&password=GUESS&commit=Sign+in"),
			page(again, "_gh_sess=x"), moves(302, "https://blog.example/", "logged_in=yes; path=/"), moves(302, "https://blog.example/sessions/two-factor/app", "_gh_sess=x"),
		},
		{
			"Invision Community", from("https://blog.example/", inForm("/login/", "auth=NAME&password=GUESS")),
			page(again, "ips4_IPSSessionFront=x"), moves(302, "https://blog.example/", "ips4_loggedIn=1753; path=/"), none,
		},
		{
			"Outlook on the web", inForm("/owa/auth.owa", "destination=x&username=NAME&password=GUESS"),
			moves(302, "https://blog.example/owa/auth/logon.aspx?url=x&reason=2", "cadata=; expires=Thu, 01 Jan 1970 00:00:00 GMT"), moves(302, "https://blog.example/owa/", "cadata=x"), none,
		},
		{
			"WordPress with a second factor", inForm("/wp-login.php", "log=NAME&pwd=GUESS"),
			page(again, "wordpress_test_cookie=x"), moves(302, "/wp-admin/", welcome), page(`<form action="wp-login.php?action=validate_2fa"><input name="authcode" autocomplete="one-time-code"></form>`, ""),
		},
		{
			"a form in PHP of its own", inForm("/login.php", "mdp=GUESS&identifiant=NAME"),
			moves(302, "login.php", "PHPSESSID=x; path=/"), moves(302, "accueil.php", "PHPSESSID=y; path=/"), moves(302, "otp.php", "PHPSESSID=x; path=/"),
		},
		{
			"Symfony", inForm("/login_check", "_username=NAME&_password=GUESS"),
			moves(302, "https://blog.example/login", "REMEMBERME=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/"), moves(302, "https://blog.example/", "PHPSESSID=y"), moves(302, "https://blog.example/2fa", "PHPSESSID=y"),
		},
	}
}

// as returns the request of one who tries a password, with the answer.
func (a answerer) as(name, guess string, answer step) step {
	s := a.post.answered(answer)
	fill := strings.NewReplacer("GUESS", guess, "NAME", name)
	s.body, s.location, s.answer = fill.Replace(s.body), fill.Replace(s.location), fill.Replace(s.answer)
	return s
}

func TestWhatComesOfALogin(t *testing.T) {
	for _, app := range answerers() {
		for _, row := range []struct {
			what   string
			answer step
			want   string
		}{{"wrong", app.wrong, loginFailure}, {"right", app.right, loginSuccess}, {"right, and a code is asked for", app.step2, loginStep}} {
			if row.answer == (step{}) {
				continue
			}
			fields := fieldsOf(app.as("anna", "hunter-2", row.answer).event(began))
			if got := fields["Meta.login"]; got != row.want {
				t.Errorf("%s, %s: %q of kind %q, want %q", app.name, row.what, got, fields["Meta.login_kind"], row.want)
			}
		}
	}
}

// Leaked passwords from 300 addresses with a try each put up a guard, whatever cookies
// the application sets.
func TestStuffingIsGuardedWhateverTheCookies(t *testing.T) {
	rules := builtinRules(t)
	for _, app := range answerers() {
		if app.wrong == (step{}) {
			continue
		}
		d, at, guarded := New(Config{Rules: rules}), began, 0
		for i := range 300 {
			s := app.as("u"+letters(i), "leaked-"+letters(i), app.wrong)
			s.client = fmt.Sprintf("%d.%d.3.4", 11+i%80, i/80+1)
			e := s.event(at)
			if guarded == 0 && slices.ContainsFunc(slices.Concat(d.Request(e), d.Response(e)), func(a event.Alert) bool { return a.Guard == event.GuardPlace }) {
				guarded = i + 1
			}
			at = at.Add(2 * time.Second)
		}
		if unguarded := app.name == "Cognito"; (guarded == 0 || guarded > 20) != unguarded { // "/" is no place where people log in
			t.Errorf("%s: guarded at %d, want by the 20th", app.name, guarded)
		}
	}
}

// Colleagues behind one address mistype once each, then log in: none of them is stopped.
func TestColleaguesWhoMistypeAreNotStopped(t *testing.T) {
	rules := builtinRules(t)
	for _, app := range answerers() {
		var steps []step
		for i := range 14 {
			name := "p" + letters(i)
			for _, answer := range []step{app.wrong, app.right} {
				if answer != (step{}) {
					steps = append(steps, app.as(name, fmt.Sprint("pass-", len(steps)), answer))
				}
			}
			steps = append(steps, page(i)) // as people do
		}
		if got := play(New(Config{Rules: rules}), time.Second, steps...); len(got) > 0 {
			t.Errorf("%s: %q", app.name, got)
		}
	}
}

// The same with a code after the password.
func TestColleaguesWithASecondFactorAreNotStopped(t *testing.T) {
	rules := builtinRules(t)
	for _, app := range answerers() {
		if app.step2 == (step{}) || app.wrong == (step{}) {
			continue
		}
		d := New(Config{Rules: rules})
		var steps []step
		for i := range 14 {
			name := "p" + letters(i)
			steps = append(steps, app.as(name, fmt.Sprint("typo-", i), app.wrong), app.as(name, fmt.Sprint("pass-", i), app.step2),
				step{target: "/login/2fa", body: fmt.Sprintf("otp=%06d", 100000+i*7919), status: 302, location: "/start", cookie: "s=x"})
		}
		if got := play(d, time.Second, steps...); len(got) > 0 {
			t.Errorf("%s: %q", app.name, got)
		}
		untold := app.name == "Cognito" // nothing tells there that people log in
		if d.Known(netip.MustParseAddr("192.0.2.1"), began.Add(time.Minute)) == untold {
			t.Errorf("%s: who has shown a password and a code is not known", app.name)
		}
	}
}

// A client can influence the redirects of some applications. That does not turn a wrong
// password into a success or a second step.
func TestNobodySteersWhatComesOfALogin(t *testing.T) {
	const back = "https://blog.example"
	post := func(referer, target, body, location string) step {
		return step{referer: referer, target: target, body: body, status: 302, location: location, cookie: "session=x"}
	}
	for _, row := range []struct {
		name string
		step step
		want string
	}{
		{"back to a page that the Referer names", post(back+"/home", "/login", "user=a&password=b", back+"/home"), loginFailure},
		{"back to a page about codes that it names", post(back+"/login/mfa", "/login", "user=a&password=b", back+"/login/mfa"), loginFailure},
		{"back with a query that it names", post(back+"/login?testsession=1", "/login", "user=a&password=b", back+"/login?testsession=1"), loginFailure},
		{"a query that was asked for", post("", "/login?testsession=1", "user=a&password=b", "/login?testsession=1"), loginFailure},
		{"a query that was asked for, with codes", post("", "/login?next=/2fa", "user=a&password=b", "/login?next=/2fa"), loginFailure},
		{"where a field says that a failure leads", post("", "/check", "user=a&password=b&_failure_path=/home", back+"/home"), loginFailure},
		{"where it says that, about codes", post("", "/check", "user=a&password=b&_failure_path=/2fa", "/2fa"), loginFailure},
		{"where a field says that a success leads", post("", "/check", "user=a&password=b&_target_path=/home", back+"/home"), loginSuccess},
		{"a name that is a word of cookies", step{target: "/check", body: "user=logged_in&password=b", status: 302, location: "/check", cookie: "last_user=logged_in"}, loginFailure},
		{"a cookie that is deleted", step{target: "/check", body: "user=a&password=b", status: 302, location: "/home", cookie: "logged_in=; Max-Age=0"}, loginTry},
		{"a cookie of nobody", step{target: "/check", body: "user=a&password=b", status: 302, location: "/check", cookie: "logged_in=no"}, loginFailure},
		{"a cookie against forgery alone", step{target: "/check", body: "user=a&password=b", status: 302, location: "/home", cookie: "XSRF-TOKEN=x"}, loginTry},
		{"a wrong code beside the password", step{target: "/login", form: mediaJSON, body: `{"user":"a","password":"b","otp":"123456"}`, status: 401, media: mediaJSON, answer: `{"mfa_required":true}`}, loginFailure},
		{"a message about both", step{target: "/login", form: mediaJSON, body: `{"user":"a","password":"b"}`, status: 401, media: mediaJSON, answer: `{"message":"Invalid password or OTP"}`}, loginFailure},
		{"a hash with letters of a second factor", step{target: "/login", form: mediaJSON, body: `{"user":"a","password":"b"}`, status: 401, media: mediaJSON, answer: `{"trace":"a02fa17mfa"}`}, loginFailure},
		{"system failure", step{target: "/login", form: mediaJSON, body: `{"user":"a","password":"b"}`, status: 401, media: mediaJSON, answer: `{"system_failure":true}`}, loginFailure},
		{"a login page of teams", post("", "/teamfactory/login", "user=a&password=b", "/teamfactory/login"), loginFailure},
		{"another language", post("", "/de/login", "user=a&password=b", "/en/login"), loginFailure},
		{"a page that welcomes", post("", "/login", "user=a&password=b", "/login/success"), loginSuccess},
		{"a page of errors", post("", "/check", "user=a&password=b", "/errors/login-failed"), loginFailure},
		{"the start page of an application in the browser", post("", "/check", "user=a&password=b", "/#/login"), loginFailure},
		{"a message at the start page", post("", "/check", "user=a&password=b", "/?err=1"), loginFailure},
		{"no address at all", post("", "/check", "user=a&password=b", ""), loginFailure},
		{"the same page of another host", post("", "/check", "user=a&password=b", "https://www.blog.example/check"), loginFailure},
		{"an address without a scheme", post("", "/check", "user=a&password=b", "//blog.example/check"), loginFailure},
		{"a page, not JSON, with a cookie", step{target: "/check", body: "user=a&password=b", answer: "<p>Falsch</p>", cookie: "s=x"}, loginTry},
		{"JSON that says in words that it is wrong", step{target: "/check", body: "user=a&password=b", media: mediaJSON, answer: `{"message":"Wrong password","username":"a"}`, cookie: "s=x"}, loginTry},
	} {
		if got := fieldsOf(row.step.event(began))["Meta.login"]; got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}

// A code that is right without a password before it gives no standing.
func TestACodeAloneGivesNoStanding(t *testing.T) {
	d := New(Config{Rules: builtinRules(t)})
	play(d, 0, step{target: "/login/2fa", body: "otp=123456", status: 302, location: "/start", cookie: "s=x"})
	if d.Known(netip.MustParseAddr("192.0.2.1"), began) {
		t.Error("a code alone makes known")
	}
}

// Codes are guessed all the same, where the password was right.
func TestCodesAreGuessedAfterARightPassword(t *testing.T) {
	laravel := answerers()[0]
	d, at, alerted := New(Config{Rules: builtinRules(t)}), began, 0
	for i := range 60 {
		for _, s := range []step{
			laravel.as("anna", "right", laravel.step2),
			{target: "/two-factor-challenge", body: fmt.Sprintf("code=%06d", i*7919), status: 302, location: "/two-factor-challenge", cookie: "laravel_session=x"},
		} {
			e := s.event(at)
			if got := slices.Concat(d.Request(e), d.Response(e)); len(got) > 0 && alerted == 0 {
				alerted = i + 1
			}
		}
		at = at.Add(time.Second)
	}
	if alerted == 0 || alerted > 25 {
		t.Errorf("guessed codes are seen at %d, want by the 25th", alerted)
	}
}

// The result of a code follows from the answer, too.
func TestWhatComesOfACode(t *testing.T) {
	code := func(target string, s step) step {
		s.target, s.body = target, "otp=123456"
		return s
	}
	says := func(status int, body string) step { return step{status: status, media: mediaJSON, answer: body} }
	for _, row := range []struct {
		name string
		step step
		want string
	}{
		{"on, without a new session", code("/login/2fa", step{status: 302, location: "/home"}), loginSuccess},
		{"on, with one", code("/two-factor-challenge", step{status: 302, location: "/home", cookie: "s=x"}), loginSuccess},
		{"back", code("/login/2fa", step{status: 302, location: "/login/2fa", cookie: "s=x"}), loginFailure},
		{"from a script of its own to the page", code("/otp/check", step{status: 302, location: "/otp", cookie: "s=x"}), loginFailure},
		{"to the login", code("/login/2fa", step{status: 302, location: "/login", cookie: "s=x"}), loginFailure},
		{"JSON that is content", code("/api/mfa", says(200, `{"status":"OK"}`)), loginSuccess},
		{"JSON with a token", code("/api/mfa", says(200, `{"access_token":"x"}`)), loginSuccess},
		{"JSON that wants one still", code("/api/mfa", says(200, `{"mfa_required":true}`)), loginFailure},
		{"JSON that says no", code("/api/mfa", says(200, `{"success":false}`)), loginFailure},
		{"nothing to say", code("/api/mfa", step{status: 204}), loginSuccess},
		{"the form again", code("/users/sign_in", step{answer: `<input name="user[otp_attempt]" autocomplete="one-time-code">`}), loginFailure},
		{"a page", code("/login/2fa", step{answer: "<p>Hello</p>"}), ""},
		{"401", code("/login/2fa", step{status: 401}), loginFailure},
	} {
		fields := fieldsOf(row.step.event(began))
		if got := fields["Meta.login"]; got != row.want || fields["Meta.login_kind"] != kindCode {
			t.Errorf("%s: %q of kind %q, want %q", row.name, got, fields["Meta.login_kind"], row.want)
		}
	}
}

// A program whose access has run out asks for a new one with what it was given, which is
// no password.
func TestARefreshIsNoLogin(t *testing.T) {
	for _, target := range []string{"/auth/refresh", "/api/login/refresh", "/api/v1/authenticate/refresh-token", "/login/renew"} {
		s := step{target: target, form: mediaJSON, body: `{"refreshToken":"0f1e"}`, status: 401}
		if got := fieldsOf(s.event(began))["Meta.login"]; got != "" {
			t.Errorf("%s: %q", target, got)
		}
	}
}

// The same answer to a challenge of HTTP Digest is one try, as often as it is sent; a
// login that succeeds takes others back.
func TestDigestCountsEachAnswerOnce(t *testing.T) {
	wrong := func(i int) step {
		return step{target: "/dav/", auth: fmt.Sprintf(`Digest username="bob", nonce="n", response="%032x"`, i), status: 401}
	}
	right := step{target: "/dav/", auth: `Digest username="bob", nonce="n", response="ff"`}
	unread := func(i int) step {
		return step{target: "/dav/", auth: fmt.Sprintf(`Digest user=bob; r=%d`, i), status: 401}
	}
	for _, row := range []struct {
		name  string
		steps []step
		want  bool
	}{
		{"one answer, 60 times", times(60, same(wrong(1))), false},
		{"60 answers", times(60, wrong), true},
		{"60 answers that cannot be read", times(60, unread), true},
		{"ten wrong ones and a right one, three times", slices.Concat(times(10, wrong), []step{right}, times(10, func(i int) step { return wrong(10 + i) }), []step{right}, times(10, func(i int) step { return wrong(20 + i) })), false},
	} {
		if got := play(New(Config{Rules: builtinRules(t)}), time.Second, row.steps...); slices.Contains(got, "tocsin/http-digest-bf") != row.want {
			t.Errorf("%s: %q, want an alert: %v", row.name, got, row.want)
		}
	}
}

// A password that is always the same, beside the one that is tried, hides nothing: which
// of them counts is for the application to say.
func TestADecoyHidesNoGuess(t *testing.T) {
	for _, body := range []string{
		"user=admin&password=GUESS&x_password=same", "user=admin&x_password=same&password=GUESS", "user=admin&a_password=1&password=GUESS&b_password=2&c_pwd=3",
	} {
		next := func(i int) step {
			return step{target: "/login", body: strings.ReplaceAll(body, "GUESS", "guess"+letters(i)), status: 401}
		}
		if at := firstAlert(New(Config{Rules: builtinRules(t)}), "http-login-bf", time.Second, 20, next); at == 0 || at > 7 {
			t.Errorf("%s: alerts at %d, want by the 7th", body, at)
		}
	}
	same := step{target: "/login", body: "user=anna&password=old&savepassword=on", status: 401}
	if got := play(New(Config{Rules: builtinRules(t)}), time.Second, times(60, func(int) step { return same })...); len(got) > 0 {
		t.Errorf("the same again: %q", got)
	}
}

// FuzzRedirect holds that a redirect to what the client itself has named, as where it came
// from, is no success and no second step, unless a cookie says so.
func FuzzRedirect(f *testing.F) {
	for _, to := range []string{"/home", "https://blog.example/login/mfa", "//blog.example/x?testsession=1", "otp.php", "", "#", "?_task=mail", "/a//b", "http:", "/two-factor-challenge?x"} {
		f.Add("/login?x=1", to, "a=b")
		f.Add("/", to, "")
	}
	f.Fuzz(func(t *testing.T, target, to, body string) {
		s := step{target: target, method: "POST", body: "user=a&password=b&" + body, status: 302, location: to, cookie: "s=x", referer: to}
		e := s.event(began)
		v := view{evt: e, gen: 1}
		v.split()
		where := v.redirect()
		if result := v.redirectResult(); result == loginSuccess && to != "" && where.host == "" {
			t.Errorf("%q leads to %+v: success", to, where)
		}
		if v.leadsToCode() {
			t.Errorf("%q leads to %+v: a second step", to, where)
		}
	})
}

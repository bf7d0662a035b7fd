package detect

import (
	"bytes"
	"compress/gzip"
	"slices"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/event"
)

// zipped returns text as a server sends it that compresses.
func zipped(text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text)) // to memory
	w.Close()
	return b.Bytes()
}

// An application is one that people log in to: what is posted, with GUESS for the
// password, and how it answers to a wrong and a right one. What is told is literal,
// with the body of the answer and without it.
type application struct {
	name         string
	post         step
	wrong, right step      // of these the answer counts
	told         [4]string // wrong, wrong without the body, right, right without the body
}

// answered returns s with the answer of a.
func (s step) answered(a step) step {
	s.status, s.location, s.cookie, s.media, s.answer, s.size = a.status, a.location, a.cookie, a.media, a.answer, a.size
	return s
}

func applications() []application {
	const (
		failure, success, try = loginFailure, loginSuccess, loginTry

		form = `<!doctype html><form method="post"><input name="user"><input type="password" name="password"></form>`
		json = "application/json; charset=utf-8"
	)
	inJSON := func(target, body string) step { return step{target: target, form: mediaJSON, body: body} }
	says := func(status int, body string) step { return step{status: status, media: json, answer: body} }
	moves := func(status int, to, cookie string) step {
		return step{status: status, location: to, cookie: cookie}
	}
	again := step{status: 200, answer: form}
	return []application{
		{
			"Nextcloud",
			step{target: "/index.php/login", body: "user=admin&password=GUESS&requesttoken=x%3D&timezone=UTC"},
			moves(303, "/index.php/login?direct=1&user=admin", ""), moves(303, "/index.php/apps/dashboard/", "nc_session_id=x; path=/"),
			[4]string{failure, failure, success, success},
		},
		{
			"Vaultwarden",
			step{target: "/identity/connect/token", body: "grant_type=password&username=a%40b.example&password=GUESS&scope=api&client_id=web"},
			says(400, `{"error":"invalid_grant","error_description":"Username or password is incorrect"}`),
			says(200, `{"access_token":"eyJ.x.y","expires_in":7200,"token_type":"Bearer"}`),
			[4]string{failure, failure, success, success},
		},
		{
			"Gitea",
			step{target: "/user/login", body: "_csrf=x&user_name=admin&password=GUESS"},
			again, moves(303, "/", "i_like_gitea=x; Path=/"),
			[4]string{failure, try, success, success},
		},
		{
			"GitLab",
			step{target: "/users/sign_in", body: "authenticity_token=x&user%5Blogin%5D=root&user%5Bpassword%5D=GUESS&user%5Bremember_me%5D=0"},
			step{status: 422, answer: form},
			moves(302, "https://git.example/", "_gitlab_session=x; path=/"),
			[4]string{failure, failure, success, success},
		},
		{
			"Keycloak, the form",
			step{target: "/realms/main/login-actions/authenticate?session_code=x&tab_id=y", body: "username=admin&password=GUESS&credentialId="},
			again, moves(302, "https://app.example/callback?state=x&code=y", "KEYCLOAK_IDENTITY=x; Path=/realms/main/"),
			[4]string{failure, try, success, success},
		},
		{
			"Keycloak, tokens",
			step{target: "/realms/main/protocol/openid-connect/token", body: "grant_type=password&client_id=cli&username=admin&password=GUESS"},
			says(401, `{"error":"invalid_grant","error_description":"Invalid user credentials"}`), says(200, `{"access_token":"x","refresh_token":"y"}`),
			[4]string{failure, failure, success, success},
		},
		{
			"Django",
			step{target: "/accounts/login/", body: "csrfmiddlewaretoken=x&username=admin&password=GUESS&next="},
			again, moves(302, "/accounts/profile/", "sessionid=x; Path=/"),
			[4]string{failure, try, success, success},
		},
		{
			"Laravel",
			step{target: "/login", body: "_token=x&email=a%40b.example&password=GUESS"},
			moves(302, "https://shop.example/login", "laravel_session=x; path=/"), moves(302, "https://shop.example/home", "laravel_session=x; path=/"),
			[4]string{failure, failure, success, success},
		},
		{
			"Laravel, JSON", inJSON("/login", `{"email":"a@b.example","password":"GUESS"}`),
			says(422, `{"message":"These credentials do not match our records.","errors":{"email":["x"]}}`),
			step{status: 204, cookie: "laravel_session=x"},
			[4]string{failure, failure, success, success},
		},
		{
			"Spring Security",
			step{target: "/login", body: "username=admin&password=GUESS&_csrf=x"},
			moves(302, "/login?error", ""), moves(302, "/", "JSESSIONID=x; Path=/"),
			[4]string{failure, failure, success, success},
		},
		{
			"Spring Security, with a session",
			step{target: "/login", body: "username=admin&password=GUESS&_csrf=x"},
			moves(302, "https://h.example/login?error", "JSESSIONID=x; Path=/"), moves(302, "https://h.example/?continue", "JSESSIONID=y; Path=/"),
			[4]string{failure, failure, success, success},
		},
		{
			"Rails with Devise",
			step{target: "/users/sign_in", body: "user%5Bemail%5D=a%40b.example&user%5Bpassword%5D=GUESS&commit=Log+in"},
			again, moves(303, "/", "_app_session=x"),
			[4]string{failure, try, success, success},
		},
		{
			"ASP.NET",
			step{target: "/Identity/Account/Login", body: "Input.Email=a%40b.example&Input.Password=GUESS&__RequestVerificationToken=x"},
			again, moves(302, "/", ".AspNetCore.Identity.Application=x"),
			[4]string{failure, try, success, success},
		},
		{
			"ASP.NET, old",
			step{target: "/Login.aspx", body: "__VIEWSTATE=x&ctl00%24Main%24UserName=admin&ctl00%24Main%24Password=GUESS"},
			again, moves(302, "/Default.aspx", ".ASPXAUTH=x"),
			[4]string{failure, try, success, success},
		},
		{
			"Drupal",
			step{target: "/user/login", body: "name=admin&pass=GUESS&form_id=user_login_form&op=Log+in"},
			again, moves(303, "https://d.example/user/1?check_logged_in=1", "SSESS0f=x"),
			[4]string{failure, try, success, success},
		},
		{
			"Joomla, administration",
			step{target: "/administrator/index.php", body: "username=admin&passwd=GUESS&option=com_login&task=login"},
			moves(303, "https://j.example/administrator/index.php", ""), moves(303, "https://j.example/administrator/index.php", "0f1e=x"),
			[4]string{failure, failure, failure, failure},
		},
		{
			"Joomla",
			step{target: "/index.php/component/users/?task=user.login", body: "username=admin&password=GUESS&return=x"},
			moves(303, "/index.php/component/users/?view=login", ""), moves(303, "/index.php/profile", "joomla_user_state=logged_in"),
			[4]string{failure, failure, success, success},
		},
		{
			"Moodle",
			step{target: "/login/index.php", body: "anchor=&logintoken=x&username=admin&password=GUESS"},
			moves(303, "https://m.example/login/index.php?loginredirect=1", ""), moves(303, "https://m.example/my/", "MoodleSession=x"),
			[4]string{failure, failure, success, success},
		},
		{
			"phpMyAdmin",
			step{target: "/index.php?route=/", body: "set_session=x&pma_username=root&pma_password=GUESS&server=1"},
			again, moves(302, "/index.php?route=/", "pmaAuth-1=x"),
			[4]string{failure, try, success, success},
		},
		{
			"phpMyAdmin, a relative redirect",
			step{target: "/pma/index.php", body: "pma_username=root&pma_password=GUESS"},
			moves(302, "index.php?lang=en", "pma_lang=en"), moves(302, "./index.php?route=/", "pmaAuth-1=x"),
			[4]string{failure, failure, success, success},
		},
		{
			"Grafana", inJSON("/login", `{"user":"admin","password":"GUESS"}`),
			says(401, `{"message":"Invalid username or password"}`), says(200, `{"message":"Logged in","redirectUrl":"/"}`),
			[4]string{failure, failure, try, try},
		},
		{
			"Jellyfin", inJSON("/Users/AuthenticateByName", `{"Username":"admin","Pw":"GUESS"}`),
			step{status: 401, answer: "Error processing request."},
			says(200, `{"User":{"Name":"admin"},"AccessToken":"0f"}`),
			[4]string{failure, failure, success, try},
		},
		{
			"Home Assistant", inJSON("/auth/login_flow/0b9c1f7e5d214c5a9a7b", `{"client_id":"https://h.example/","username":"admin","password":"GUESS"}`),
			says(200, `{"type":"form","step_id":"init","errors":{"base":"invalid_auth"}}`), says(200, `{"version":1,"type":"create_entry","result":"0f1e"}`),
			[4]string{failure, try, try, try},
		},
		{
			"Proxmox",
			step{target: "/api2/extjs/access/ticket", body: "username=root&password=GUESS&realm=pam"},
			says(200, `{"data":null,"success":0,"message":"authentication failure","status":401}`),
			says(200, `{"data":{"ticket":"PVE:root@pam:0f","username":"root@pam"},"success":1}`),
			[4]string{failure, try, success, try},
		},
		{
			"authentik", inJSON("/api/v3/flows/executor/default/?query=", `{"component":"ak-stage-password","password":"GUESS"}`),
			says(200, `{"component":"ak-stage-password","response_errors":{"password":[{"string":"Failed to authenticate.","code":"invalid"}]}}`),
			says(200, `{"component":"xak-flow-redirect","to":"/","response_errors":{}}`),
			[4]string{failure, try, try, try},
		},
		{
			"Uptime Kuma",
			step{target: "/socket.io/?EIO=4&transport=polling&sid=x", form: "text/plain;charset=UTF-8", body: `420["login",{"username":"admin","password":"GUESS","token":""}]`},
			step{status: 200, media: "text/html", answer: "ok"},
			step{status: 200, media: "text/html", answer: "ok"},
			[4]string{try, try, try, try},
		},
		{
			"AdGuard Home", inJSON("/control/login", `{"name":"admin","password":"GUESS"}`),
			step{status: 403, media: "text/plain", answer: "invalid username or password"},
			step{status: 200, media: "text/plain", answer: "OK", cookie: "agh_session=x"},
			[4]string{failure, failure, success, try},
		},
		{
			"CouchDB",
			step{target: "/_session", body: "name=admin&password=GUESS"},
			says(401, `{"error":"unauthorized","reason":"Name or password is incorrect."}`), says(200, `{"ok":true,"name":"admin","roles":["_admin"]}`),
			[4]string{failure, failure, try, try},
		},
		{
			"Magento",
			step{target: "/customer/account/loginPost/", body: "form_key=x&login%5Busername%5D=a%40b.example&login%5Bpassword%5D=GUESS"},
			moves(302, "https://m.example/customer/account/login/", "PHPSESSID=x"), moves(302, "https://m.example/customer/account/", "PHPSESSID=y"),
			[4]string{failure, failure, success, success},
		},
		{
			"Mastodon",
			step{target: "/auth/sign_in", body: "user%5Bemail%5D=a%40b.example&user%5Bpassword%5D=GUESS"},
			step{status: 422, answer: form},
			moves(302, "https://social.example/", "_session_id=x"),
			[4]string{failure, failure, success, success},
		},
		{
			"WordPress",
			step{target: "/wp-login.php", body: "log=admin&pwd=GUESS&wp-submit=Log+In&testcookie=1"},
			again, moves(302, "/wp-admin/", welcome),
			[4]string{failure, failure, success, success},
		},
		{
			"WooCommerce",
			step{target: "/my-account/", body: "username=admin&password=GUESS&woocommerce-login-nonce=x&login=Log+in"},
			again, moves(302, "/my-account/", welcome),
			[4]string{failure, failure, success, success},
		},
		{
			"XML-RPC of WordPress",
			step{target: "/xmlrpc.php", form: "text/xml", body: xmlCall("wp.getUsersBlogs", xmlString("admin"), xmlString("GUESS"))},
			step{status: 200, media: "text/xml", answer: "<methodResponse><fault><value><struct><member><name>faultCode</name><value><int>403</int></value></member></struct></value></fault></methodResponse>"},
			step{status: 200, media: "text/xml", answer: "<methodResponse><params><param><value><array></array></value></param></params></methodResponse>"},
			[4]string{failure, try, "", try},
		},
		{
			"Matrix", inJSON("/_matrix/client/v3/login", `{"type":"m.login.password","identifier":{"type":"m.id.user","user":"admin"},"password":"GUESS"}`),
			says(403, `{"errcode":"M_FORBIDDEN","error":"Invalid username or password"}`), says(200, `{"user_id":"@admin:m.example","access_token":"syt_x"}`),
			[4]string{failure, failure, success, try},
		},
		{
			"Mattermost", inJSON("/api/v4/users/login", `{"login_id":"admin","password":"GUESS","token":"","deviceId":""}`),
			says(401, `{"id":"api.user.login.invalid_credentials","status_code":401}`), says(200, `{"id":"0f","username":"admin","roles":"system_user"}`),
			[4]string{failure, failure, try, try},
		},
		{
			"Jira",
			step{target: "/login.jsp", body: "os_username=admin&os_password=GUESS&os_destination=&user_role="},
			again, moves(302, "/secure/Dashboard.jspa", "seraph.rememberme.cookie=x"),
			[4]string{failure, try, success, success},
		},
		{
			"an API that calls it an error when it is none", inJSON("/api/login", `{"email":"a@b.example","password":"GUESS"}`),
			says(200, `{"error":true,"message":"wrong"}`), says(200, `{"error":false,"message":"welcome","token":"x"}`),
			[4]string{failure, try, success, try},
		},
		{
			"an API of GraphQL", inJSON("/graphql", `{"query":"mutation($u:String!,$p:String!){login(u:$u,p:$p){token}}","variables":{"username":"admin","password":"GUESS"}}`),
			says(200, `{"errors":[{"message":"Invalid credentials"}],"data":null}`), says(200, `{"data":{"login":{"token":"x"}}}`),
			[4]string{failure, try, success, try},
		},
	}
}

// The result of a login follows from the answer, for every application.
func TestApplicationsTellWhoIsLetIn(t *testing.T) {
	told := func(e *event.Event) string { return fieldsOf(e)["Meta.login"] }
	for _, app := range applications() {
		t.Run(app.name, func(t *testing.T) {
			for i, answer := range []step{app.wrong, app.right} {
				what := []string{"wrong", "right"}[i]
				e := app.post.answered(answer).event(began)
				if got, want := told(e), app.told[2*i]; got != want {
					t.Errorf("%s: %q, want %q", what, got, want)
				}
				if len(e.Answer) > 0 {
					e.Answer = zipped(answer.answer)
					e.Header.Set("Content-Encoding", "gzip")
					if got, want := told(e), app.told[2*i]; got != want {
						t.Errorf("%s, compressed: %q, want %q", what, got, want)
					}
				}
				e.Answer = nil
				if got, want := told(e), app.told[2*i+1]; got != want {
					t.Errorf("%s, without the body: %q, want %q", what, got, want)
				}
			}
		})
	}
}

// A client that guesses gets a challenge by the tenth password at the latest, also if
// only the head of the answers is known.
func TestApplicationsAreGuarded(t *testing.T) {
	skipUnderRace(t)
	rules := builtinRules(t)
	for _, app := range applications() {
		for _, blind := range []bool{false, true} {
			d, alerted := New(Config{Rules: rules}), 0
			for i := range 10 {
				e := guesses(app.post)(i).answered(app.wrong).event(began)
				if blind {
					e.Answer = nil
				}
				if alerts := append(d.Request(e), d.Response(e)...); len(alerts) > 0 && alerted == 0 {
					alerted = i + 1
				}
			}
			if alerted == 0 {
				t.Errorf("%s, without bodies %v: ten passwords raise nothing", app.name, blind)
			}
		}
	}
}

// A client with the right password gets no challenge, however often it sends it, and is
// remembered if the answer shows the success.
func TestApplicationsLetPeopleIn(t *testing.T) {
	rules := builtinRules(t)
	for _, app := range applications() {
		d := New(Config{Rules: rules})
		refused := app.post.answered(app.wrong) // by which the place is known
		refused.client = "198.51.100.9"
		play(d, 0, refused)
		e := app.post.answered(app.right).event(began)
		for range 30 {
			if alerts := append(d.Request(e), d.Response(e)...); len(alerts) > 0 {
				t.Errorf("%s: %s", app.name, alerts[0].Scenario)
				break
			}
		}
		// By their address nothing tells that these are logins, until they refuse somebody.
		elsewhere := slices.Contains([]string{"Joomla", "Proxmox", "an API of GraphQL", "phpMyAdmin", "phpMyAdmin, a relative redirect"}, app.name)
		// By the answer alone nothing tells that it is a success, but these have said 401.
		refuses := slices.Contains([]string{"Grafana", "CouchDB", "Mattermost"}, app.name)
		// A firewall in front may say 403 and 422, too, and a cookie is no token.
		vague := slices.Contains([]string{"Laravel, JSON", "AdGuard Home"}, app.name)
		if got, want := d.Known(e.Client, began), (app.told[2] == loginSuccess || refuses) && !elsewhere && !vague; got != want {
			t.Errorf("%s: known is %v, want %v", app.name, got, want)
		}
	}
}

// An answer that cannot be read tells as much as none.
func TestAnswersThatCannotBeRead(t *testing.T) {
	const page = `<form><input type=password name=p></form>`
	post := step{target: "/in", body: "user=a&password=b"}
	for _, row := range []struct {
		name, encoding string
		answer         []byte
		want           string
	}{
		{"plain", "", []byte(page), loginFailure},
		{"plain, and called so", "identity", []byte(page), loginFailure},
		{"compressed", "gzip", zipped(page), loginFailure},
		{"compressed and cut", "gzip", zipped(page + strings.Repeat("<p>", 9000))[:60], loginFailure},
		{"compressed and cut to nothing", "gzip", zipped(page)[:5], loginTry},
		{"plain, and called compressed", "gzip", []byte(page), loginTry},
		{"compressed by other means", "br", []byte(page), loginTry},
		{"a form after 8 KiB", "", []byte(strings.Repeat(" x", 4<<10) + page), loginTry},
		{"a form after 8 KiB, compressed", "gzip", zipped(strings.Repeat(" x", 4<<10) + page), loginTry},
		{"a bomb", "gzip", zipped(strings.Repeat("x", 16<<20)), loginTry},
		{"blanks", "", []byte(" \r\n"), loginTry},
	} {
		e := post.event(began)
		e.Answer, e.ContentType = row.answer, "text/html"
		e.Header.Set("Content-Encoding", row.encoding)
		if got := fieldsOf(e)["Meta.login"]; got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}

func TestWhatJSONSays(t *testing.T) {
	for answer, want := range map[string]string{
		`{}`:                                    loginTry,
		`[]`:                                    loginTry,
		`{"token":"x"}`:                         loginSuccess,
		`{"data":{"jwt":"x"}}`:                  loginSuccess,
		`{"token":""}`:                          loginTry,
		`{"token":null}`:                        loginTry,
		`{"token":"x","error":"e"}`:             loginFailure,
		`{"error":"e","token":"x"}`:             loginFailure,
		`{"error":false,"token":"x"}`:           loginSuccess,
		`{"error":null,"token":"x"}`:            loginSuccess,
		`{"error":0,"token":"x"}`:               loginSuccess,
		`{"error":"","token":"x"}`:              loginSuccess,
		`{"error":"none","token":"x"}`:          loginSuccess,
		`{"error":true}`:                        loginFailure,
		`{"error":{"code":7,"error":"e"}}`:      loginFailure,
		`{"errcode":"M_FORBIDDEN"}`:             loginFailure,
		`{"errors":[{"message":"x"}]}`:          loginFailure,
		`{"errors":{"base":"x"}}`:               loginFailure,
		`{"errors": []}`:                        loginTry,
		`{"errors":{}, "x":1}`:                  loginTry,
		`{"errors":null}`:                       loginTry,
		`{"success":false}`:                     loginFailure,
		`{"success":0}`:                         loginFailure,
		`{"success":true}`:                      loginTry,
		`{"success":true,"sessionId":"x"}`:      loginSuccess,
		`{"ok":false}`:                          loginFailure,
		`{"status":"error"}`:                    loginFailure,
		`{"Status":"FAILED"}`:                   loginFailure,
		`{"status":"ok"}`:                       loginTry,
		`{"authenticated":false}`:               loginFailure,
		`{"result":"denied"}`:                   loginFailure,
		`{"message":"wrong password"}`:          loginTry,
		`{"csrfToken":"x"}`:                     loginTry,
		`{"token":"x"`:                          loginSuccess,
		`{"a":[[[{"error_description":"x"}]]]}`: loginFailure,
		`{`:                                     loginTry,
	} {
		if got := jsonResult([]byte(answer)); got != want {
			t.Errorf("%s: %q, want %q", answer, got, want)
		}
	}
}

// FuzzAnswer holds that no answer makes a failure of what the status settles, that
// nothing but the three words comes out, and that a token without any word of an
// error is a success.
func FuzzAnswer(f *testing.F) {
	for _, answer := range []string{`{"token":"x"}`, `{"errors":[]}`, `<input type="password">`, "[[[[", `{"a":`, "\x1f\x8b", "", `{"error":false}`, `"rrors":`} {
		for _, encoding := range []string{"", "gzip", "br"} {
			f.Add([]byte(answer), "application/json", encoding)
		}
	}
	f.Fuzz(func(t *testing.T, answer []byte, media, encoding string) {
		e := step{target: "/in", body: "user=a&password=b"}.event(began)
		e.Answer, e.ContentType = answer, media
		e.Header.Set("Content-Encoding", encoding)
		v := view{evt: e}
		v.split()
		switch got := v.answerResult(); got {
		case loginSuccess, loginFailure, loginTry:
		default:
			t.Errorf("%q", got)
		}
		e.Answer = zipped(string(answer))
		e.Header.Set("Content-Encoding", "gzip")
		packed := v.answerResult()
		e.Answer = answer
		e.Header.Del("Content-Encoding")
		if plain := v.answerResult(); plain != packed && len(answer) <= 4<<10 {
			t.Errorf("%q, and compressed %q", plain, packed)
		}
		if got := jsonResult(append([]byte(`{"token":"x","a":`), '"', '"', '}')); got != loginSuccess {
			t.Errorf("%q", got)
		}
		if got := jsonResult(append([]byte(`{"error":"x","a":`), answer...)); got != loginFailure {
			t.Errorf("an error and %q: %q", answer, got)
		}
	})
}

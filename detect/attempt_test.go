package detect

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/event"
)

// attemptOf returns what a step shows.
func attemptOf(e *event.Event) attempt {
	v := view{evt: e, gen: 1}
	v.split()
	a := *v.attempt()
	a.gen, a.others = 0, 0
	return a
}

func TestWhatARequestShows(t *testing.T) {
	jwt := "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"
	form := func(body string) step { return step{target: "/in", body: body} }
	inJSON := func(body string) step { return step{target: "/in", form: mediaJSON, body: body} }
	for _, row := range []struct {
		name string
		step step
		want attempt
	}{
		{"a form", form("user=bob&password=b"), attempt{kind: kindForm, user: "bob", secret: "b"}},
		{"a form, with PUT", step{target: "/in", method: "PUT", body: "user=bob&password=b"}, attempt{}},
		{"names in brackets", form("user%5Bemail%5D=a%40b.example&user%5Bpassword%5D=p"), attempt{kind: kindForm, user: "a@b.example", secret: "p"}},
		{"names of ASP.NET", form("ctl00%24Main%24UserName=bob&ctl00%24Main%24Password=p"), attempt{kind: kindForm, user: "bob", secret: "p"}},
		{"names with dots", form("Input.Email=bob&Input.Password=p"), attempt{kind: kindForm, user: "bob", secret: "p"}},
		{"Pw, as Jellyfin has it", inJSON(`{"Username":"bob","Pw":"p"}`), attempt{kind: kindForm, user: "bob", secret: "p"}},
		{"_pass, as Roundcube has it", form("_user=bob&_pass=p"), attempt{kind: kindForm, user: "bob", secret: "p"}},
		{"other languages", form("login=bob&motdepasse=p"), attempt{kind: kindForm, user: "bob", secret: "p"}},
		{"JSON, deep", inJSON(`{"a":[{"auth":{"identifier":"bob","password":"p"}}]}`), attempt{kind: kindForm, user: "bob", secret: "p"}},
		{"JSON, a number", inJSON(`{"user":"bob","password":1234567890}`), attempt{kind: kindForm, user: "bob", secret: "1234567890"}},
		{"JSON that is cut", inJSON(`{"user":"bob","password":"p","x":"`), attempt{kind: kindForm, user: "bob", secret: "p"}},
		{"a password alone", form("password=hunter2"), attempt{kind: kindForm, secret: "hunter2"}},
		{"a name alone", form("user=bob"), attempt{}},
		{"an empty password", form("user=bob&password="), attempt{}},
		{"a search for a password", form("q=password&s=pass"), attempt{}},
		{"a comment", form("author=bob&comment=my+password+is+x"), attempt{}},
		{"two passwords, of which the last one counts", form("user=bob&password=a&password=b"), attempt{kind: kindForm, user: "bob", secret: "b"}},

		{"registration", step{target: "/register", body: "user=bob&password=a&password_confirmation=a"}, attempt{}},
		{"registration, in WordPress", form("user_login=bob&pass1=a&pass2=a"), attempt{}},
		{"registration, in Django", form("username=bob&password1=a&password2=a"), attempt{}},
		{"a change of password", form("current_password=a&new_password=b"), attempt{}},
		{"a change of password, in JSON", inJSON(`{"oldPassword":"a","newPassword":"b"}`), attempt{}},
		{"a login with a field that only means to look like another form", step{target: "/user/login", body: "user=bob&password=p&new_password=x"}, attempt{kind: kindForm, user: "bob", secret: "p"}},
		{"the same, elsewhere, and 401", step{target: "/api/session", body: "user=bob&password=p&new_password=x", status: 401}, attempt{kind: kindForm, user: "bob", secret: "p"}},
		{"the same, as a grant", step{target: "/token", body: "grant_type=password&username=bob&password=p&new_password=x", status: 400}, attempt{kind: kindForm, user: "bob", secret: "p"}},
		{"registration beside the login", step{target: "/login/register", body: "user=bob&password=a&password_confirmation=a", status: 422}, attempt{}},
		{"a password that is lost", step{target: "/login/reset_password", body: "token=x&password=a&confirm=a&confirm_password=a"}, attempt{}},

		{"a code", form("code=123456"), attempt{kind: kindLookup, secret: "123456"}},
		{"a code, and for whom", inJSON(`{"username":"bob","otp":"12345678"}`), attempt{kind: kindCode, user: "bob", secret: "12345678"}},
		{"a code in the field of a password", form("password=123456"), attempt{kind: kindCode, secret: "123456"}},
		{"a password that is a number, and a name", form("user=bob&password=123456"), attempt{kind: kindForm, user: "bob", secret: "123456"}},
		{"a code of letters", form("code=abcdef"), attempt{}},
		{"a code that is too long", form("code=123456789"), attempt{}},
		{"a password and a code", form("user=bob&password=p&otp=123456"), attempt{kind: kindForm, user: "bob", secret: "p"}},

		{"Basic", step{target: "/", auth: "bob:p"}, attempt{kind: kindBasic, user: "bob", secret: "p"}},
		{"Basic, in other letters", step{target: "/", auth: "bAsIc " + base64.StdEncoding.EncodeToString([]byte("bob:p"))}, attempt{kind: kindBasic, user: "bob", secret: "p"}},
		{"Basic that is not encoded", step{target: "/", auth: "Basic ???"}, attempt{kind: kindBasic, user: "???"}},
		{"Basic, with a token", step{target: "/", auth: "x-access-token:ghp_1"}, attempt{kind: kindToken, user: "x-access-token", secret: "ghp_1"}},
		{"Basic before what is no login", step{target: "/", body: "a=b", auth: "bob:p"}, attempt{kind: kindBasic, user: "bob", secret: "p"}},
		{"Digest", step{target: "/", auth: `Digest username="bob", realm="x", nonce="n", uri="/", response="0f"`}, attempt{kind: kindDigest, user: "bob", secret: "0f"}},
		{"Digest of nobody", step{target: "/", auth: `Digest `}, attempt{kind: kindDigest}},
		{"Bearer", step{target: "/", auth: "Bearer abc"}, attempt{kind: kindToken, secret: "abc"}},
		{"Bearer, empty", step{target: "/", auth: "Bearer "}, attempt{}},
		{"token, as Gitea has it", step{target: "/", auth: "token abc"}, attempt{kind: kindToken, secret: "abc"}},
		{"a JSON Web Token cannot be guessed", step{target: "/", auth: "Bearer " + jwt}, attempt{}},
		{"what begins like one can", step{target: "/", auth: "Bearer eyJabc"}, attempt{kind: kindToken, secret: "eyJabc"}},
		{"a scheme of others", step{target: "/", auth: "AWS4-HMAC-SHA256 Credential=x"}, attempt{}},
		{"no scheme", step{target: "/", auth: " "}, attempt{}},
		{"5 KiB of a token", step{target: "/", auth: "Bearer " + strings.Repeat("x", 5<<10)}, attempt{}},

		{"a call", step{target: "/xmlrpc.php", form: "text/xml", body: xmlCall("wp.getUsersBlogs", "bob", "p")}, attempt{kind: kindXMLRPC, secret: "bob\x00p\x00"}},
		{"a call that takes no password", step{target: "/xmlrpc.php", form: "text/xml", body: xmlCall("pingback.ping", "a", "b")}, attempt{}},

		{"a form behind Basic", step{target: "/in", body: "user=bob&password=p", auth: "front:x"}, attempt{kind: kindForm, user: "bob", secret: "p\x00front\x00x"}},
		{"a form with a token that means nothing", step{target: "/in", body: "user=bob&password=p", auth: "Bearer junk"}, attempt{kind: kindForm, user: "bob", secret: "p\x00\x00junk"}},
		{"a grant for a password, by a client that has one", step{target: "/token", body: "grant_type=password&username=bob&password=p", auth: "client:s"}, attempt{kind: kindForm, user: "bob", secret: "p\x00client\x00s"}},
		{"a form with a JSON Web Token", step{target: "/in", body: "user=bob&password=p", auth: "Bearer " + jwt}, attempt{kind: kindForm, user: "bob", secret: "p"}},
		{"WordPress behind Basic", step{target: "/wp-login.php", body: "log=bob&pwd=p", auth: "front:x"}, attempt{kind: kindForm, user: "bob", secret: "p"}},
	} {
		if row.step.auth != "" && row.want.kind != kindForm {
			row.want.field = "Authorization"
		}
		row.want.signed = row.want.kind == "" && strings.Contains(row.step.auth, jwt)
		if got := attemptOf(row.step.event(began)); got != row.want {
			t.Errorf("%s: %+v, want %+v", row.name, got, row.want)
		}
	}
}

// Many passwords in one request are counted, in whatever way they are bundled.
func TestPasswordsOfABundle(t *testing.T) {
	array := func(n int) string {
		return "[" + strings.TrimSuffix(strings.Join(bundle(n, `{"user":"a","password":"p%d"},`), ""), ",") + "]"
	}
	inJSON := func(body string) step { return step{target: "/graphql", form: mediaJSON, body: body} }
	query := func(document string) string { return `{"query":` + fmt.Sprintf("%q", document) + `}` }
	for _, row := range []struct {
		name string
		step step
		want string
	}{
		{"one", inJSON(`{"user":"a","password":"b"}`), ""},
		{"the same one, twice", inJSON(`[{"password":"b"},{"password":"b"}]`), ""},
		{"an array of JSON", inJSON(array(100)), "100"},
		{"aliases of GraphQL", inJSON(graphQL(60)), "60"},
		{"aliases with blanks and commas", inJSON(query("mutation{" + strings.Join(bundle(60, "a%[1]d:login ( user : \"x\" ,\n pass:,\"p%[1]d\" ){t}"), "") + "}")), "60"},
		{"aliases with block texts", inJSON(query("mutation{" + strings.Join(bundle(60, `a%[1]d:login(user:"""x""",pass:"""p%[1]d "q" """){t}`), "") + "}")), "60"},
		{"a batch of documents", inJSON("[" + strings.Repeat(graphQL(2)+",", 29) + graphQL(2) + "]"), "60"},
		{"variables", inJSON(`{"query":"mutation($a:S){a:login(p:$a){t}}","variables":{` + strings.TrimSuffix(strings.Join(bundle(60, `"a%[1]d":{"password":"p%[1]d"},`), ""), ",") + `}}`), "60"},
		{"GraphQL in a form", step{target: "/graphql", body: "query=mutation%7B" + strings.Join(bundle(60, "a%[1]d:l(pass:%%22p%[1]d%%22)"), "") + "%7D"}, "60"},
		{"a call of XML-RPC", step{target: "/xmlrpc.php", form: "text/xml", body: xmlBundle(40)}, "40"},
		{"an array that also sets one", inJSON(array(99)[:len(array(99))-1] + `,{"new_password":"x"}]`), "99"},
		{"no login", inJSON(query(`{search(text:"password")}`)), ""},
	} {
		if got := fieldsOf(row.step.event(began))["Meta.login_count"]; got != row.want {
			t.Errorf("%s: %q passwords, want %q", row.name, got, row.want)
		}
	}
}

// bundle writes a format with each of the first n numbers.
func bundle(n int, format string) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(format, i)
	}
	return all
}

// What comes of credentials in a header.
func TestCredentialsInAHeader(t *testing.T) {
	digest := `Digest username="bob", nonce="n", response="0f"`
	for _, row := range []struct {
		name string
		asks bool // the place has answered 401 before
		step step
		with string // WWW-Authenticate of the answer
		want string
	}{
		{"Basic is refused", false, step{auth: "a:b", status: 401}, "", loginFailure},
		{"Basic is accepted", true, step{auth: "a:b"}, "", loginSuccess},
		{"Basic where nobody asks", false, step{auth: "a:b"}, "", ""},
		{"Basic, and what is asked for is not there", true, step{auth: "a:b", status: 404}, "", ""},
		{"Basic, and it has moved", true, step{auth: "a:b", status: 302}, "", ""},
		{"Basic that may not read", true, step{auth: "a:b", status: 403}, "", loginTry},
		{"Digest is refused", false, step{auth: digest, status: 401}, `Digest nonce="m"`, loginFailure},
		{"Digest is too old", false, step{auth: digest, status: 401}, `Digest nonce="m", stale=true`, ""},
		{"Digest is too old, in other letters", false, step{auth: digest, status: 401}, `Digest nonce="m", Stale=TRUE`, ""},
		{"Basic is never too old", false, step{auth: "a:b", status: 401}, `Basic realm="stale=true"`, loginFailure},
		{"Digest is accepted", true, step{auth: digest}, "", loginSuccess},
		{"Bearer is refused", false, step{auth: "Bearer x", status: 401}, "", loginFailure},
		{"Bearer is accepted", true, step{auth: "Bearer x"}, "", loginSuccess},
		{"Bearer may not", true, step{auth: "Bearer x", status: 403}, "", loginFailure},
		{"a JSON Web Token is refused", true, step{auth: "Bearer eyJ.eyJ.x", status: 401}, "", ""},
		{"the server is broken", true, step{auth: "a:b", status: 500}, "", ""},
		{"too many requests", true, step{auth: "a:b", status: 429}, "", ""},
	} {
		row.step.target = "/private/"
		d := New(Config{Rules: builtinRules(t)})
		if row.asks {
			d.Response(step{target: "/private/", status: 401, client: "198.51.100.9"}.event(began))
		}
		e := row.step.event(began)
		e.Header.Set("Www-Authenticate", row.with)
		if got := d.loginOf(e); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}

// loginOf returns evt.Meta.login of an event at the sites that d knows.
func (d *Detector) loginOf(e *event.Event) string {
	v := d.prog.Load().open(e, event.ClientOf(e.Client))
	defer v.close()
	v.sites, v.clients = d.sites, d.clients
	result, _ := v.login()
	return result
}

// A second step is a login of its own, whose failures count by themselves.
func TestSecondFactors(t *testing.T) {
	for _, row := range []struct {
		name string
		step step
		want string
	}{
		{"a wrong code, and 401", step{target: "/api/otp", form: mediaJSON, body: `{"code":"123456"}`, status: 401}, loginFailure},
		{"a wrong code, and the form again", step{target: "/2fa", body: "otp=123456", answer: `<input type="password">`}, loginFailure},
		{"a wrong code, and an error in JSON", step{target: "/2fa", form: mediaJSON, body: `{"otp":"123456"}`, media: mediaJSON, answer: `{"error":"x"}`}, loginFailure},
		{"a right code", step{target: "/2fa", body: "otp=123456", status: 302, location: "/", cookie: "s=x"}, loginSuccess},
		{"a right code, and a token", step{target: "/2fa", form: mediaJSON, body: `{"otp":"123456"}`, media: mediaJSON, answer: `{"token":"x"}`}, loginSuccess},
	} {
		fields := fieldsOf(row.step.event(began))
		if got := fields["Meta.login"]; got != row.want || fields["Meta.login_kind"] != kindCode {
			t.Errorf("%s: %q of kind %q, want %q", row.name, got, fields["Meta.login_kind"], row.want)
		}
	}
}

// FuzzAttempt checks that nothing panics, that names and passwords are not readable in
// the result, and that a second look gives the same result.
func FuzzAttempt(f *testing.F) {
	for _, ct := range []string{mediaForm, mediaJSON, mediaText, mediaMultipart, ""} {
		f.Add("/login", ct, "hunter2-secret", "Basic eDp5")
		f.Add("/xmlrpc.php", ct, "pw pw pw", "Digest username=")
	}
	f.Fuzz(func(t *testing.T, target, ct, password, auth string) {
		bodies := []string{
			"user=bob&password=" + password, fmt.Sprintf(`{"user":"bob","password":%q}`, password), password,
			xmlCall("wp.getUsersBlogs", "bob", password), fmt.Sprintf(`{"query":"m{l(password:\"%s\")}"}`, password),
		}
		for _, body := range bodies {
			e := step{target: target, method: "POST", form: ct, body: body}.event(began)
			e.Request["Authorization"] = []string{auth}
			fields := fieldsOf(e)
			for _, key := range []string{"Meta.login_user", "Meta.login_try"} {
				told, ok := fields[key]
				if ok && (len(told) != 16 || strings.Trim(told, "0123456789abcdef") != "") {
					t.Errorf("%s is %q", key, told)
				}
				if len(password) > 4 && strings.Contains(told, password) {
					t.Errorf("%s tells the password: %q", key, told)
				}
			}
			if again := fieldsOf(e); again["Meta.login_try"] != fields["Meta.login_try"] || again["Meta.login_kind"] != fields["Meta.login_kind"] {
				t.Errorf("%v, and then %v", fields, again)
			}
		}
	})
}

// FuzzArguments holds the arguments of a GraphQL document against those that it was
// written with.
func FuzzArguments(f *testing.F) {
	f.Add("password", "hunter2", " ", "user", "bob")
	f.Add("p", `a\"b`, ",\n", "_x1", "")
	f.Fuzz(func(t *testing.T, name1, value1, blank, name2, value2 string) {
		eachArgument(value1, func(name, _ string) { // of anything
			if strings.IndexFunc(name, func(r rune) bool { return r > 0x7f || !wordByte(byte(r)) }) >= 0 || name == "" {
				t.Errorf("%q is an argument's name", name)
			}
		})
		isName := func(s string) bool {
			return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
		}
		if !isName(name1) || !isName(name2) || strings.Trim(blank, " \t\r\n,") != "" || strings.ContainsAny(value1+value2, "\\\"\n\r") {
			return
		}
		for _, quote := range []string{`"`, `"""`} {
			document := fmt.Sprintf("mutation{a:login(%s%s:%s%s,%s:%s){t}}", name1, blank, blank, quote+value1+quote, name2, quote+value2+quote)
			got := ""
			eachArgument(document, func(name, value string) { got += name + "=" + value + ";" })
			if want := name1 + "=" + value1 + ";" + name2 + "=" + value2 + ";"; got != want {
				t.Errorf("%s: %q, want %q", document, got, want)
			}
		}
	})
}

// FuzzVariables holds that arguments are found by the variables that stand for them, and
// that nothing breaks whatever the document is.
func FuzzVariables(f *testing.F) {
	f.Add("email", "x1", " ", "password", "x2")
	f.Add("user", "é", "\n", "p", "$")
	f.Fuzz(func(t *testing.T, name1, variable1, blank, name2, variable2 string) {
		read := func(document string) map[string]string {
			body, err := json.Marshal(map[string]any{"query": document, "variables": map[string]string{variable1: "a"}})
			if err != nil {
				t.Fatal(err)
			}
			var s sent
			s.readVariables(body)
			return s.variables
		}
		if got := read(name1 + variable1 + blank + name2); len(got) > 16 {
			t.Errorf("%d variables", len(got))
		}
		isName := func(s string) bool {
			return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
		}
		for _, name := range []string{name1, variable1, name2, variable2} {
			if !isName(name) {
				return
			}
		}
		if strings.Trim(blank, " \t\r\n,") != "" || variable1 == variable2 {
			return
		}
		document := fmt.Sprintf("mutation M($%[2]s: String!, $%[5]s: String!) { login(%[1]s%[3]s:%[3]s$%[2]s, %[4]s: $%[5]s) { t } }", name1, variable1, blank, name2, variable2)
		if got := read(document); got[variable1] != name1 || got[variable2] != name2 {
			t.Errorf("%s: %v", document, got)
		}
	})
}

// FuzzAttribution checks that fetch metadata alone decide if they are present, and that a
// request from the site itself never counts as that of another site.
func FuzzAttribution(f *testing.F) {
	f.Add("same-origin", "image", "https://a.example", "https://b.example/x", "image/png", "c.example:443")
	f.Add("", "", "null", "", "text/html", "[::1]:80")
	f.Fuzz(func(t *testing.T, site, dest, origin, referer, accept, host string) {
		h := http.Header{}
		for key, value := range map[string]string{
			"Sec-Fetch-Site": site, "Sec-Fetch-Dest": dest, "Origin": origin, "Referer": referer, "Accept": accept,
		} {
			if value != "" {
				h[key] = []string{value}
			}
		}
		got := event.AttributionOf(h, host)
		switch site {
		case "cross-site", "same-site":
			if got != event.Foreign {
				t.Errorf("%q is %v", site, got)
			}
		case "same-origin", "none":
			if got == event.Foreign {
				t.Errorf("%q is %v", site, got)
			}
			h.Del("Origin")
			h.Del("Referer")
			h.Del("Accept")
			if alone := event.AttributionOf(h, host); alone != got {
				t.Errorf("%v, and %v without the other fields", got, alone)
			}
		}
		if got > event.Foreign || event.AttributionOf(nil, host) != event.Own {
			t.Errorf("%v; a program that says nothing: %v", got, event.AttributionOf(nil, host))
		}
		if h = (http.Header{"Origin": {"https://" + host}}); host != "" && !strings.ContainsAny(host, "/?#@") && event.AttributionOf(h, host) != event.Own {
			t.Errorf("a page of %q itself is %v", host, event.AttributionOf(h, host))
		}
	})
}

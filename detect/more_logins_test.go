package detect

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// wireOf has the answers of applications on the wire.
type wireOf struct{}

func (wireOf) form(target, body string) step {
	return step{target: target, body: body}
}

func (wireOf) json(target, body string) step {
	return step{target: target, body: body, form: mediaJSON}
}

func (wireOf) xml(target, body string) step {
	return step{target: target, body: body, form: "text/xml"}
}
func (wireOf) put(s step) step { s.method = "PUT"; return s }
func (wireOf) saysJSON(status int, body, cookie string) step {
	return step{status: status, media: "application/json; charset=utf-8", answer: body, cookie: cookie}
}

func (wireOf) saysText(status int, body, cookie string) step {
	return step{status: status, media: "text/plain", answer: body, cookie: cookie}
}

func (wireOf) saysXML(status int, body string) step {
	return step{status: status, media: "text/xml; charset=utf-8", answer: body}
}

func (wireOf) page(status int, body, cookie string) step {
	return step{status: status, media: "text/html; charset=utf-8", answer: body, cookie: cookie}
}

func (wireOf) moves(status int, to, cookie string) step {
	return step{status: status, location: to, cookie: cookie}
}

// Pages as they come again, and that only say what is wrong.
const (
	formAgain = `<!doctype html><p class="err">No.</p><form method="post"><input name="u"><input type="password" name="p"></form>`
	wrongPage = `<!doctype html><p>The name or the password is not right.</p>`
)

// moreAnswerers are applications of which most are in no other list of these tests:
// servers of mail and files, consoles of machines, VPNs, shops, forums and identity
// providers, as each answers a wrong and a right password.
func moreAnswerers() []answerer {
	return slices.Concat(officeAnswerers(), siteAnswerers(), machineAnswerers(), identityAnswerers(), rpcAnswerers())
}

// officeAnswerers are servers of mail, files and work.
func officeAnswerers() []answerer {
	var w wireOf
	none := step{}
	return []answerer{
		{"Adminer", w.form("/adminer.php", "auth%5Bdriver%5D=server&auth%5Bserver%5D=&auth%5Busername%5D=NAME&auth%5Bpassword%5D=GUESS&auth%5Bdb%5D="), w.moves(302, "/adminer.php?username=NAME", "adminer_sid=x; path=/"), w.moves(302, "/adminer.php?username=NAME", "adminer_sid=x; path=/"), none},
		{"HedgeDoc", w.form("/login", "email=NAME&password=GUESS"), w.moves(302, "https://blog.example/", "connect.sid=s%3Ax; Path=/"), w.moves(302, "https://blog.example/", "connect.sid=s%3Ay; Path=/"), none},
		{"MeshCentral", w.form("/login", "action=login&username=NAME&password=GUESS&urlargs="), w.moves(302, "/", "xid=eyJ; path=/"), w.moves(302, "/", "xid=eyJ1; path=/"), none},
		{"GLPI", w.form("/front/login.php", "fielda6650c1=NAME&fieldb6650c1=GUESS&auth=local&submit=&_glpi_csrf_token=0f1e"), w.page(200, wrongPage+formAgain, "glpi_x=y"), w.moves(302, "/front/central.php", "glpi_x=y"), none},
		{"GLPI of old", w.form("/front/login.php", "fielda6650c1=NAME&fieldb6650c1=GUESS&auth=local&submit=&_glpi_csrf_token=0f1e"), w.moves(302, "/index.php?error=1", "glpi_x=y"), w.moves(302, "/front/central.php", "glpi_x=y"), none},
		{"Mailcow", w.form("/", "login_user=NAME&pass_user=GUESS"), w.page(200, formAgain, "MCSESSID=x"), w.moves(302, "/user", "MCSESSID=y"), none},
		{"Mailu", w.form("/sso/login", "email=NAME&pw=GUESS&submitWebmail=x"), w.page(200, formAgain, "session=x"), w.moves(302, "/webmail", "session=y"), none},
		{"SquirrelMail", w.form("/src/redirect.php", "login_username=NAME&secretkey=GUESS&js_autodetect_results=1&just_logged_in=1"), w.page(200, "<p>Unknown user or password incorrect.</p>", ""), w.moves(302, "webmail.php", "key=x; path=/src/"), none},
		{"Horde", w.form("/login.php", "app=&login_post=1&horde_user=NAME&horde_pass=GUESS"), w.page(200, formAgain, "Horde=x"), w.moves(302, "/services/portal/", "Horde=y"), none},
		{"SOGo", w.json("/SOGo/connect", `{"userName":"NAME","password":"GUESS","domain":null,"language":null,"rememberLogin":0}`), w.saysJSON(403, `{"LDAPPasswordPolicyError":65535}`, ""), w.saysJSON(200, `{"cn":"x","username":"NAME"}`, "0xHIGHFLYxSOGo=x"), none},
		{"SnappyMail", w.form("/?/Json/&q[]=/0/", "Email=NAME&Password=GUESS&language=en&Action=Login&signMe=0"), w.saysJSON(200, `{"Action":"Login","Result":false,"ErrorCode":102,"ErrorMessage":"AuthError"}`, ""), w.saysJSON(200, `{"Action":"Login","Result":{"Email":"NAME"}}`, "smaccount=x"), none},
		{"iRedAdmin", w.form("/iredadmin/login", "username=NAME&password=GUESS&lang=en_US"), w.moves(303, "https://blog.example/iredadmin/login?msg=INVALID_CREDENTIALS", "iRedAdmin=x"), w.moves(303, "https://blog.example/iredadmin/dashboard", "iRedAdmin=y"), none},
		{"Lotus Domino", w.form("/names.nsf?Login", "%25%25ModDate=0&Username=NAME&Password=GUESS&RedirectTo=%2Fmail"), w.page(200, formAgain, ""), w.moves(302, "/mail", "LtpaToken=x"), none},
		{"ownCloud", w.form("/index.php/login", "user=NAME&password=GUESS&timezone-offset=1&requesttoken=x"), w.moves(303, "/index.php/login?user=NAME", "oc123=x"), w.moves(303, "/index.php/apps/files", "oc123=y"), none},
		{"ownCloud Infinite Scale", w.json("/signin/v1/identifier/_/logon", `{"params":["NAME","GUESS","1"],"hello":{"scope":"openid","client_id":"web"},"state":"x7"}`), step{status: 204}, w.saysJSON(200, `{"success":true,"state":"x7","hello":{"next":"continue"}}`, "_kopano=x"), none},
		{"Pydio", w.json("/a/frontend/session", `{"AuthInfo":{"login":"NAME","password":"GUESS","type":"credentials"}}`), w.saysJSON(401, `{"Title":"login failed"}`, ""), w.saysJSON(200, `{"JWT":"x"}`, ""), none},
		{"Seafile", w.form("/accounts/login/", "csrfmiddlewaretoken=x&login=NAME&password=GUESS&next=%2F"), w.page(200, formAgain, "sfcsrftoken=x"), w.moves(302, "/", "sessionid=x"), none},
		{"FileRun", w.form("/?module=fileman&page=login&action=login", "username=NAME&password=GUESS&otp=&two_step_secret=&language="), w.saysJSON(200, `{"success":false,"error":"Invalid password"}`, "PHPSESSID=x"), w.saysJSON(200, `{"success":true,"language":"en"}`, "PHPSESSID=x"), none},
		{"Zammad", w.json("/api/v1/signin", `{"username":"NAME","password":"GUESS","fingerprint":"1"}`), w.saysJSON(401, `{"error":"Login failed."}`, "_zammad_session=x"), w.saysJSON(201, `{"session":{"id":3}}`, "_zammad_session=y"), none},
		{"Znuny", w.form("/otrs/index.pl", "Action=Login&RequestedURL=&Lang=en&TimeZoneOffset=0&User=NAME&Password=GUESS"), w.page(200, formAgain, ""), w.moves(302, "/otrs/index.pl?Action=AgentDashboard", "OTRSAgentInterface=x"), none},
		{"osTicket", w.form("/scp/login.php", "__CSRFToken__=x&do=scplogin&userid=NAME&passwd=GUESS&ajax=1"), w.page(200, formAgain, "OSTSESSID=x"), w.moves(302, "/scp/index.php", "OSTSESSID=y"), none},
		{"Request Tracker", w.form("/NoAuth/Login.html", "user=NAME&pass=GUESS&next=x"), w.page(200, formAgain, ""), w.moves(302, "https://blog.example/", "RT_SID_x=y"), none},
		{"iTop", w.form("/pages/UI.php", "auth_user=NAME&auth_pwd=GUESS&loginop=login"), w.page(401, formAgain, ""), w.page(200, "<p>Welcome</p>", "itop-x=y"), none},
		{"Dolibarr", w.form("/index.php?mainmenu=home", "token=x&actionlogin=login&loginfunction=loginfunction&username=NAME&password=GUESS"), w.page(200, formAgain, "DOLSESSID_x=y"), w.page(200, "<p>Home</p>", "DOLSESSID_x=y"), none},
		{"vtiger", w.form("/index.php?module=Users&action=Login", "__vtrftk=sid%3Ax&username=NAME&password=GUESS"), w.moves(302, "index.php?module=Users&parent=Settings&view=Login&error=login", "PHPSESSID=x"), w.moves(302, "index.php?module=Users&parent=Settings&view=SystemSetup", "PHPSESSID=y"), none},
		{"Kanboard", w.form("/?controller=AuthController&action=check", "csrf_token=x&username=NAME&password=GUESS&remember_me=1"), w.page(200, formAgain, "KB_SID=x"), w.moves(302, "/", "KB_SID=y"), none},
		{"Vikunja", w.json("/api/v1/login", `{"username":"NAME","password":"GUESS","long_token":true}`), w.saysJSON(412, `{"code":1011,"message":"Wrong username or password."}`, ""), w.saysJSON(200, `{"token":"x"}`, ""), none},
		{"Taiga", w.json("/api/v1/auth", `{"username":"NAME","password":"GUESS","type":"normal"}`), w.saysJSON(401, `{"code":"invalid_credentials","detail":"Username or password does not match user."}`, ""), w.saysJSON(200, `{"id":5,"auth_token":"x"}`, ""), none},
		{"LimeSurvey", w.form("/index.php/admin/authentication/sa/login", "YII_CSRF_TOKEN=x&authMethod=Authdb&user=NAME&password=GUESS&loginlang=default&action=login&login_submit=login"), w.page(200, formAgain, "LS-X=y"), w.moves(302, "https://blog.example/index.php/admin", "LS-X=z"), none},
		{"Mautic", w.form("/s/login_check", "_username=NAME&_password=GUESS&_csrf_token=x"), w.moves(302, "https://blog.example/s/login", "mtc=x"), w.moves(302, "https://blog.example/s/dashboard", "mtc=y"), none},
		{"SAP GUI for HTML", w.form("/sap/bc/gui/sap/its/webgui", "sap-system-login-oninputprocessing=onLogin&sap-client=100&sap-user=NAME&sap-password=GUESS&sap-language=EN"), w.page(200, formAgain, "sap-login-XSRF_X=y"), w.moves(302, "/sap/bc/gui/sap/its/webgui?x=1", "SAP_SESSIONID_X=y"), none},
		{"Sakai", w.form("/portal/xlogin", "eid=NAME&pw=GUESS&submit=Log+In"), w.page(200, formAgain, "SAKAIID=x"), w.moves(302, "https://blog.example/portal", "SAKAIID=y"), none},
		{"Canvas", w.form("/login/canvas", "utf8=x&authenticity_token=x&pseudonym_session%5Bunique_id%5D=NAME&pseudonym_session%5Bpassword%5D=GUESS"), w.page(400, formAgain, "_normandy_session=x"), w.moves(302, "https://blog.example/?login_success=1", "_normandy_session=y"), none},
		{"Open edX", w.form("/api/user/v1/account/login_session/", "email=NAME&password=GUESS"), w.saysJSON(400, `{"success":false,"value":"Email or password is incorrect.","error_code":"incorrect-email-or-password"}`, ""), w.saysJSON(200, `{"success":true,"redirect_url":"x"}`, "sessionid=x"), none},
		{"Chamilo", w.form("/index.php", "login=NAME&password=GUESS&submitAuth=&_qf__formLogin="), w.moves(302, "https://blog.example/index.php?loginFailed=1&error=user_password_incorrect", "ch_sid=x"), w.moves(302, "https://blog.example/user_portal.php", "ch_sid=y"), none},
	}
}

// siteAnswerers are shops, forums and other sites.
func siteAnswerers() []answerer {
	var w wireOf
	none := step{}
	return []answerer{
		{"XenForo", w.form("/login/login", "login=NAME&password=GUESS&remember=1&_xfRedirect=x&_xfToken=1"), w.page(400, formAgain, "xf_session=x"), w.moves(303, "https://blog.example/", "xf_user=1%2Cx"), none},
		{"vBulletin of old", w.form("/login.php?do=login", "vb_login_username=NAME&vb_login_password=&s=&securitytoken=guest&do=login&vb_login_md5password=GUESS&vb_login_md5password_utf=GUESS"), w.page(200, wrongPage, "bb_lastactivity=0"), w.page(200, "<p>Thank you for logging in.</p>", "bb_userid=1"), none},
		{"MyBB", w.form("/member.php", "action=do_login&url=x&quick_login=1&quick_username=NAME&quick_password=GUESS"), w.page(200, formAgain, "sid=x"), w.moves(302, "https://blog.example/index.php", "mybbuser=1_x"), none},
		{"SMF", w.form("/index.php?action=login2", "user=NAME&passwrd=GUESS&cookieneverexp=on&hash_passwrd=x"), w.page(200, formAgain, "PHPSESSID=x"), w.moves(302, "https://blog.example/index.php?action=login2;sa=check;member=1", "SMFCookie1=x"), none},
		{"Flarum", w.json("/login", `{"identification":"NAME","password":"GUESS","remember":false}`), w.saysJSON(401, `{"errors":[{"status":"401","code":"not_authenticated"}]}`, "flarum_session=x"), w.saysJSON(200, `{"token":"x","userId":1}`, "flarum_session=y"), none},
		{"NodeBB", w.form("/login", "username=NAME&password=GUESS&remember=on&_csrf=x&noscript=false"), w.saysText(403, "[[error:invalid-login-credentials]]", ""), w.saysJSON(200, `{"next":"/","message":"ok"}`, "express.sid=x"), none},
		{"Woltlab", w.form("/login/", "username=NAME&password=GUESS&t=x"), w.page(200, formAgain, "wsc_x=y"), w.moves(302, "https://blog.example/", "wsc_user_session=x"), none},
		{"Lemmy", w.json("/api/v3/user/login", `{"username_or_email":"NAME","password":"GUESS"}`), w.saysJSON(401, `{"error":"incorrect_login"}`, ""), w.saysJSON(200, `{"jwt":"x","registration_created":false}`, ""), none},
		{"Misskey", w.json("/api/signin-flow", `{"username":"NAME","password":"GUESS"}`), w.saysJSON(403, `{"error":{"id":"932c904e-9460-45b7-9ce6-7ed33be7eb2c"}}`, ""), w.saysJSON(200, `{"finished":true,"id":"9x","i":"tok"}`, ""), none},
		{"Contao", w.form("/contao/login", "FORM_SUBMIT=tl_login&REQUEST_TOKEN=x&username=NAME&password=GUESS"), w.moves(303, "https://blog.example/contao/login", "PHPSESSID=x"), w.moves(303, "https://blog.example/contao", "PHPSESSID=y"), none},
		{"Concrete", w.form("/login/authenticate/concrete", "uName=NAME&uPassword=GUESS&ccm_token=x"), w.moves(302, "https://blog.example/login/concrete", "CONCRETE=x"), w.moves(302, "https://blog.example/login/login_complete", "CONCRETE=y"), none},
		{"Craft", w.form("/index.php?p=admin/actions/users/login", "loginName=NAME&password=GUESS&rememberMe=1"), w.saysJSON(400, `{"message":"Invalid username or password.","errorCode":"invalid_credentials"}`, "CraftSessionId=x"), w.saysJSON(200, `{"returnUrl":"/admin/dashboard","csrfTokenValue":"x"}`, "CraftSessionId=y"), none},
		{"Umbraco", w.json("/umbraco/backoffice/umbracoapi/authentication/PostLogin", `{"username":"NAME","password":"GUESS"}`), w.saysText(400, "", ""), w.saysJSON(200, `)]}',{"name":"x","id":-1}`, "UMB_UCONTEXT=x"), none},
		{"DNN", w.form("/Login?returnurl=%2f", "__VIEWSTATE=x&dnn%24ctr%24Login%24Login_DNN%24txtUsername=NAME&dnn%24ctr%24Login%24Login_DNN%24txtPassword=GUESS"), w.page(200, formAgain, ""), w.moves(302, "/", ".DOTNETNUKE=x"), none},
		{"Textpattern", w.form("/textpattern/", "p_userid=NAME&p_password=GUESS&_txp_token=&lang="), w.page(200, formAgain, ""), w.page(200, "<p>Write</p>", "txp_login=x"), none},
		{"Serendipity", w.form("/serendipity_admin.php", "serendipity%5Buser%5D=NAME&serendipity%5Bpass%5D=GUESS&submit=Login"), w.page(200, formAgain, "s9y_x=y"), w.page(200, "<p>Welcome back</p>", "s9y_x=y"), none},
		{"Grav", w.form("/admin", "data%5Busername%5D=NAME&data%5Bpassword%5D=GUESS&task=login&login-form-nonce=x"), w.moves(303, "/admin", "grav-admin=x"), w.moves(303, "/admin/dashboard", "grav-admin=y"), none},
		{"Kirby", w.json("/api/auth/login", `{"email":"NAME","password":"GUESS","long":false}`), w.saysJSON(400, `{"status":"error","message":"Invalid login","code":400}`, ""), w.saysJSON(200, `{"code":200,"status":"ok","user":{"id":"x"}}`, "kirby_session=x"), none},
		{"Saleor", w.json("/graphql/", `{"query":"mutation tokenCreate($email:String!,$password:String!){tokenCreate(email:$email,password:$password){token errors{code}}}","variables":{"email":"NAME","password":"GUESS"}}`), w.saysJSON(200, `{"data":{"tokenCreate":{"token":null,"errors":[{"code":"INVALID_CREDENTIALS"}]}}}`, ""), w.saysJSON(200, `{"data":{"tokenCreate":{"token":"x","errors":[]}}}`, ""), none},
		{"Vendure", w.json("/admin-api", `{"operationName":"AttemptLogin","query":"mutation AttemptLogin($username:String!,$password:String!){login(username:$username,password:$password){...on CurrentUser{id}...on ErrorResult{errorCode message}}}","variables":{"username":"NAME","password":"GUESS"}}`), w.saysJSON(200, `{"data":{"login":{"errorCode":"INVALID_CREDENTIALS_ERROR","message":"x","__typename":"InvalidCredentialsError"}}}`, ""), w.saysJSON(200, `{"data":{"login":{"id":"1","__typename":"CurrentUser"}}}`, "session=x"), none},
		{"WHMCS", w.form("/index.php?rp=/login", "token=x&username=NAME&password=GUESS"), w.moves(302, "/index.php?rp=/login&incorrect=true", "WHMCSx=y"), w.moves(302, "/clientarea.php", "WHMCSx=z"), none},
		{"nopCommerce", w.form("/login?returnUrl=%2F", "Email=NAME&Password=GUESS&RememberMe=false&__RequestVerificationToken=x"), w.page(200, formAgain, ""), w.moves(302, "/", ".Nop.Authentication=x"), none},
		{"Shopware", w.form("/account/login", "redirectTo=frontend.account.home.page&redirectParameters=%5B%5D&username=NAME&password=GUESS"), w.page(200, formAgain, "session-=x"), w.moves(302, "/account", "session-=y"), none},
		{"Phoenix", w.form("/users/log_in", "_csrf_token=x&user%5Bemail%5D=NAME&user%5Bpassword%5D=GUESS&user%5Bremember_me%5D=true"), w.moves(302, "/users/log_in", "_app_key=x"), w.moves(302, "/", "_app_key=y"), none},
		{"NextAuth", w.form("/api/auth/callback/credentials", "csrfToken=x&username=NAME&password=GUESS&callbackUrl=%2F&json=true"), w.saysJSON(401, `{"url":"https://blog.example/api/auth/error?error=CredentialsSignin&provider=credentials"}`, ""), w.saysJSON(200, `{"url":"https://blog.example/"}`, "next-auth.session-token=x"), none},
		{"NextAuth 5", w.form("/api/auth/callback/credentials?", "email=NAME&password=GUESS&csrfToken=x&callbackUrl=https%3A%2F%2Fblog.example%2Flogin"), w.saysJSON(200, `{"url":"https://blog.example/login?error=CredentialsSignin&code=credentials"}`, "authjs.callback-url=x"), w.saysJSON(200, `{"url":"https://blog.example/login"}`, "authjs.session-token=x"), none},
		{"a server action of Next.js", step{target: "/signin", form: "multipart/form-data; boundary=b", header: "Next-Action: 40f1", body: "--b\r\nContent-Disposition: form-data; name=\"1_email\"\r\n\r\nNAME\r\n--b\r\nContent-Disposition: form-data; name=\"1_password\"\r\n\r\nGUESS\r\n--b\r\nContent-Disposition: form-data; name=\"0\"\r\n\r\n[\"$K1\"]\r\n--b--\r\n"}, step{status: 200, media: "text/x-component", answer: `1:{"error":"Invalid credentials"}`}, w.moves(303, "/dashboard", "session=x"), none},
		{"tRPC", w.json("/api/trpc/auth.login?batch=1", `{"0":{"json":{"email":"NAME","password":"GUESS"}}}`), w.saysJSON(401, `[{"error":{"json":{"message":"UNAUTHORIZED","code":-32001}}}]`, ""), w.saysJSON(200, `[{"result":{"data":{"json":{"id":"1"}}}}]`, "session=x"), none},
		{"tRPC, all 200", w.json("/api/trpc/user.signIn?batch=1", `{"0":{"json":{"email":"NAME","password":"GUESS"}}}`), w.saysJSON(200, `[{"error":{"json":{"message":"bad","code":-32603}}}]`, ""), w.saysJSON(200, `[{"result":{"data":{"json":{"id":"1"}}}}]`, "session=x"), none},
		{"an API that says 404 of who it does not know", w.json("/api/users/login", `{"email":"NAME","password":"GUESS"}`), w.saysJSON(404, `{"message":"User not found"}`, ""), w.saysJSON(200, `{"token":"x"}`, ""), none},
		{"an API that breaks at a wrong password", w.json("/api/users/login", `{"email":"NAME","password":"GUESS"}`), w.saysJSON(500, `{"message":"Error: invalid credentials"}`, ""), w.saysJSON(200, `{"token":"x"}`, ""), none},
		{"an API with codes of its own", w.json("/prod-api/auth/login", `{"username":"NAME","password":"GUESS","code":"7","uuid":"x"}`), w.saysJSON(200, `{"code":500,"msg":"wrong"}`, ""), w.saysJSON(200, `{"code":200,"data":{"access_token":"x"}}`, ""), none},
		{"home-made, always to the start page", w.form("/do_login.php", "usr=NAME&pwd=GUESS"), w.moves(302, "/index.php", "PHPSESSID=x; path=/"), w.moves(302, "/members.php", "PHPSESSID=x; path=/"), none},
		{"home-made, to the start page without a cookie", w.form("/do_login.php", "usr=NAME&pwd=GUESS"), w.moves(302, "/index.php", ""), w.moves(302, "/members.php", ""), none},
	}
}

// guessed returns n steps of one who tries passwords for one name.
func (a answerer) guessed(n int) []step {
	return times(n, func(i int) step { return a.as("anna", fmt.Sprintf("hunter-%d", i), a.wrong) })
}

// blind returns the steps without the bodies and types of the answers, as a log has them.
func blind(steps []step) []step {
	return changed(steps, func(_ int, s *step) { s.answer, s.media, s.size = "", "", 0 })
}

// untold are those of which nothing tells that somebody logs in, without the answers'
// bodies or at all: names and passwords stand in fields of no name, or the answer is the
// same page for everybody.
var untold = map[string]bool{"GLPI": true, "Vaultwarden's console": true, "Blue Iris": true}

// A client that guesses gets a challenge by the tenth password at the latest.
func TestMoreApplicationsAreGuarded(t *testing.T) {
	rules := builtinRules(t)
	for _, app := range moreAnswerers() {
		for _, without := range []bool{false, true} {
			steps := app.guessed(10)
			if without {
				steps = blind(steps)
			}
			got := play(New(Config{Rules: rules}), 200*time.Millisecond, steps...)
			if want := !without || !untold[app.name]; (len(got) > 0) != want {
				t.Errorf("%s, without bodies %t: ten passwords raise %q, want something: %t", app.name, without, got, want)
			}
		}
	}
}

// A person who mistypes three times and gets in then is asked for nothing, and goes on.
func TestMoreApplicationsLetPeopleIn(t *testing.T) {
	rules := builtinRules(t)
	for _, app := range moreAnswerers() {
		for _, without := range []bool{false, true} {
			steps := slices.Concat(app.guessed(3), []step{app.as("anna", "right", app.right)}, times(20, page))
			if without {
				steps = blind(steps)
			}
			if got := play(New(Config{Rules: rules}), 2*time.Second, steps...); len(got) > 0 {
				t.Errorf("%s, without bodies %t: %q", app.name, without, got)
			}
		}
	}
}

// Leaked passwords, a name each, from one address.
func TestMoreApplicationsSeeStuffing(t *testing.T) {
	rules := builtinRules(t)
	for _, app := range moreAnswerers() {
		d, now, at := New(Config{Rules: rules}), began, 0
		for i := range 20 {
			e := app.as("u"+letters(i), "leaked-"+letters(i), app.wrong).event(now)
			if got := slices.Concat(d.Request(e), d.Response(e)); len(got) > 0 && at == 0 {
				at = i + 1
			}
			now = now.Add(500 * time.Millisecond)
		}
		if unseen := app.name == "SquirrelMail"; (at == 0 || at > 12) != unseen { // nothing says that people log in there
			t.Errorf("%s: seen at %d, want by the 12th: %t", app.name, at, !unseen)
		}
	}
}

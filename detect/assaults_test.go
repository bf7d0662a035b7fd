package detect

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/event"
)

// An assault is a conduct that has to be answered by its act number by. The kinds have
// their own figures: see TestAttacksAreAnswered.
type assault struct {
	conduct
	by int
}

// unseen are the kinds of attacks that nothing is seen of in time, by how their
// names begin or end, and why.
var unseen = []struct{ begin, end, why string }{
	{"Subsonic password in the query", "", "the names u and p say nothing"},
	{"EspoCRM, by a field of the header", "", "a field of one application"},
	{"302 to the same path elsewhere", "", "the site only puts a language in front"},
	{"400", "", "a request that is malformed searches nothing"},
	{"401", "", "who is not let in finds nothing"},
	{"500", "", "a site that is broken tells nothing"},
	{"", "one-time codes, 200", "the answer tells nothing"},
	{"", "coupons, 404", "a field named code holds words"},
	{"ids that are forbidden, POST", "", "editors whose session has ended send as many"},
	{"share tokens in the path", "", "objects that are gone"},
	{"user names of a site by path", "", "pages of one kind"},
	{"", "a try each, 200 and nothing", "nothing tells these from logins that succeed"},
	{"one address, a name each minute, 200 and nothing", "", "nothing tells these from logins that succeed"},
}

// Without the size of answers, a site that answers 200 is no different from one that
// has what was asked for.
func isUnseen(name string, without bool) bool {
	for _, kind := range unseen {
		if strings.HasPrefix(name, kind.begin) && strings.HasSuffix(name, kind.end) {
			return true
		}
	}
	if name == "302 to one of three: with pages in between" {
		return !without // pages drive out what there are too many kinds of
	}
	return without && (strings.HasPrefix(name, "200") || strings.HasSuffix(name, "the form again") || strings.HasSuffix(name, "for all, 200") ||
		strings.HasSuffix(name, "the path, 200") || strings.HasSuffix(name, "an error in 200") || strings.HasPrefix(name, "GLPI"))
}

// Each attack is answered in time, but for those that are known to be unseen.
func TestAttacksAreAnswered(t *testing.T) {
	skipUnderRace(t)
	rules := builtinRules(t)
	for _, a := range slices.Concat(loginAttacks(), scanAttacks(), spreadAttacks(), proofAttacks(), lookupAttacks(), moreAssaults()) {
		for _, without := range []bool{true, false} {
			if at := firstAnswer(rules, a.events(without)); (at == 0 || at > a.by) != isUnseen(a.name, without) {
				t.Errorf("%s, without bodies %t: answered at %d, want %d", a.name, without, at, a.by)
			}
		}
	}
}

// firstAnswer returns the number of the event that the first alert comes with; 0 if
// there is none.
func firstAnswer(rules *Rules, events []*event.Event) int {
	d := New(Config{Rules: rules})
	for i, e := range events {
		if len(d.Request(e))+len(d.Response(e)) > 0 {
			return i + 1
		}
	}
	return 0
}

// triedPasswords returns n wrong passwords for one name. The format has one verb, for the
// password.
func triedPasswords(target, format string, status int) []act {
	return acts(20, 0.2, func(i int) act {
		body := fmt.Sprintf(format, fmt.Sprint("Summer", 2000+i*7, "!"))
		return act{target: target, body: body, json: strings.HasPrefix(format, "{"), status: status}
	})
}

func moved(list []act, to string) []act {
	for i := range list {
		list[i].location = to
	}
	return list
}

// loginAttacks are 20 wrong passwords each, answered as the application does.
func loginAttacks() []assault {
	var all []assault
	add := func(name string, list []act) { all = append(all, assault{conduct{name, by(chrome, list)}, 10}) }
	add("WordPress", triedPasswords("/wp-login.php", "log=admin&pwd=%s&wp-submit=Log+In", 200))
	add("GitLab", triedPasswords("/users/sign_in", "authenticity_token=x&user%%5Blogin%%5D=root&user%%5Bpassword%%5D=%s&user%%5Bremember_me%%5D=0", 422))
	add("GitLab of old", triedPasswords("/users/sign_in", "authenticity_token=x&user[login]=root&user[password]=%s", 200))
	add("Keycloak form", triedPasswords("/realms/x/login-actions/authenticate?session_code=a&execution=b", "username=admin&password=%s&credentialId=", 200))
	add("Drupal", triedPasswords("/user/login", "name=admin&pass=%s&form_build_id=form-x&form_id=user_login_form&op=Log+in", 200))
	add("Laravel", moved(triedPasswords("/login", "_token=x&email=a%%40b.c&password=%s", 302), "https://site.example/login"))
	add("Laravel with a session each time", acts(20, .2, func(i int) act {
		return form("/login", fmt.Sprintf("_token=x&email=a%%40b.c&password=p%d", i), 302).to("https://site.example/login").session()
	}))
	add("Laravel API", triedPasswords("/api/login", `{"email":"a@b.c","password":"%s"}`, 422))
	add("phpMyAdmin", triedPasswords("/index.php?route=/", "set_session=x&pma_username=root&pma_password=%s&server=1&token=t", 200))
	add("Roundcube", triedPasswords("/?_task=login", "_token=x&_task=login&_action=login&_user=anna&_pass=%s", 401))
	add("Roundcube of old", triedPasswords("/?_task=login", "_token=x&_task=login&_action=login&_user=anna&_pass=%s", 200))
	add("Grafana", triedPasswords("/login", `{"user":"admin","password":"%s"}`, 401))
	add("Portainer", triedPasswords("/api/auth", `{"username":"admin","password":"%s"}`, 422))
	add("Jenkins", moved(triedPasswords("/j_spring_security_check", "j_username=admin&j_password=%s&from=&Submit=", 302), "/loginError"))
	add("SonarQube", triedPasswords("/api/authentication/login", "login=admin&password=%s", 401))
	add("Nexus", triedPasswords("/service/rapture/session", "username=YWRtaW4%%3D&password=%s", 403))
	add("Zabbix", triedPasswords("/index.php", "name=Admin&password=%s&autologin=1&enter=Sign+in", 200))
	add("Mattermost", triedPasswords("/api/v4/users/login", `{"login_id":"admin","password":"%s","token":""}`, 401))
	add("Rocket.Chat", triedPasswords("/api/v1/login", `{"user":"admin","password":"%s"}`, 401))
	add("Discourse", triedPasswords("/session", "login=admin&password=%s&timezone=UTC", 200))
	add("Ghost", triedPasswords("/ghost/api/admin/session", `{"username":"a@b.c","password":"%s"}`, 422))
	add("Strapi", triedPasswords("/admin/login", `{"email":"a@b.c","password":"%s"}`, 400))
	add("Directus", triedPasswords("/auth/login", `{"email":"a@b.c","password":"%s"}`, 401))
	add("PrestaShop admin", triedPasswords("/admin123/index.php?controller=AdminLogin", "ajax=1&token=&controller=AdminLogin&submitLogin=1&passwd=%s&email=a%%40b.c", 200))
	add("OpenCart admin", triedPasswords("/admin/index.php?route=common/login.login", "username=admin&password=%s", 200))
	add("Shopware API", triedPasswords("/api/oauth/token", `{"client_id":"administration","grant_type":"password","scopes":"write","username":"admin","password":"%s"}`, 400))
	add("TYPO3", triedPasswords("/typo3/login", "login_status=login&userident=%s&p_field=&username=admin", 200))
	add("phpBB", triedPasswords("/ucp.php?mode=login", "username=admin&password=%s&login=Login&sid=x", 200))
	add("vBulletin", triedPasswords("/auth/login-form", "username=admin&password=%s&privatestore=1", 200))
	add("Odoo", triedPasswords("/web/login", "csrf_token=x&login=admin&password=%s", 200))
	add("ERPNext", triedPasswords("/api/method/login", "cmd=login&usr=Administrator&pwd=%s", 401))
	add("Zimbra", triedPasswords("/", "loginOp=login&username=anna&password=%s&client=preferred", 200))
	add("Outlook on the web", moved(triedPasswords("/owa/auth.owa", "destination=x&flags=4&username=corp%%5Canna&password=%s", 302), "/owa/auth/logon.aspx?url=x&reason=2"))
	add("cPanel", triedPasswords("/login/?login_only=1", "user=root&pass=%s&goto_uri=%%2F", 401))
	add("Plesk", triedPasswords("/login_up.php", "login_name=admin&passwd=%s", 200))
	add("OPNsense", triedPasswords("/", "usernamefld=root&passwordfld=%s&login=1", 200))
	add("pfSense", triedPasswords("/index.php", "__csrf_magic=x&usernamefld=admin&passwordfld=%s&login=Sign+In", 200))
	add("OpenWrt LuCI", triedPasswords("/cgi-bin/luci/", "luci_username=root&luci_password=%s", 403))
	add("Synology", triedPasswords("/webapi/entry.cgi", "api=SYNO.API.Auth&version=7&method=login&account=admin&passwd=%s&format=sid", 200))
	add("TrueNAS", triedPasswords("/api/docs/websocket", `{"msg":"method","method":"auth.login","params":[],"username":"root","password":"%s"}`, 200))
	add("Pi-hole", triedPasswords("/api/auth", `{"password":"%s"}`, 401))
	add("Pi-hole of old", triedPasswords("/admin/login.php", "pw=%s", 200))
	add("qBittorrent", triedPasswords("/api/v2/auth/login", "username=admin&password=%s", 200))
	add("Sonarr", moved(triedPasswords("/login?returnUrl=/", "username=admin&password=%s&rememberMe=on", 302), "/login?returnUrl=%2F&loginFailed=true"))
	add("Home-made, one field for the name", triedPasswords("/members/check", "mitglied=1234&kennwort=%s", 200))
	add("Home-made in French", moved(triedPasswords("/connexion", "identifiant=anna&mot_de_passe=%s", 302), "/connexion"))
	add("Home-made in Spanish", triedPasswords("/acceso", "usuario=anna&contraseña=%s", 200))
	add("Home-made in Polish", triedPasswords("/logowanie", "login=anna&haslo=%s", 200))
	add("GraphQL login", triedPasswords("/graphql", `{"operationName":"Login","query":"mutation Login($u:String!,$p:String!){login(username:$u,password:$p){token}}","variables":{"username":"admin","password":"%s"}}`, 200))
	add("Firebase and Supabase", triedPasswords("/auth/v1/token?grant_type=password", `{"email":"a@b.c","password":"%s","gotrue_meta_security":{}}`, 400))
	add("Metabase", triedPasswords("/api/session", `{"username":"a@b.c","password":"%s","remember":true}`, 401))
	add("Superset", moved(triedPasswords("/login/", "csrf_token=x&username=admin&password=%s", 302), "/login/"))
	add("Airflow", moved(triedPasswords("/auth/login", "username=admin&password=%s", 303), "/auth/login?error=invalid"))
	add("Emby", triedPasswords("/emby/Users/AuthenticateByName", "Username=admin&Pw=%s", 401))
	add("Plex-like sign in", triedPasswords("/users/signin", "login=anna&password=%s", 401))
	add("Navidrome", triedPasswords("/auth/login", `{"username":"admin","password":"%s"}`, 401))
	add("Kavita", triedPasswords("/api/account/login", `{"username":"admin","password":"%s","apiKey":""}`, 401))
	add("Audiobookshelf", triedPasswords("/login", `{"username":"root","password":"%s"}`, 401))
	add("Paperless", triedPasswords("/accounts/login/", "csrfmiddlewaretoken=x&login=admin&password=%s", 200))
	add("Paperless API", triedPasswords("/api/token/", `{"username":"admin","password":"%s"}`, 400))
	add("MediaWiki", triedPasswords("/index.php?title=Special:UserLogin", "wpName=Admin&wpPassword=%s&wploginattempt=Log+in&wpLoginToken=x", 200))
	add("MediaWiki API", triedPasswords("/api.php", "action=clientlogin&username=Admin&password=%s&logintoken=x&format=json", 200))
	add("DokuWiki", triedPasswords("/doku.php?id=start", "do=login&u=admin&p=%s&sectok=x", 403))
	add("DokuWiki of old", triedPasswords("/doku.php?id=start", "do=login&u=admin&p=%s&sectok=x", 200))
	add("Confluence", triedPasswords("/dologin.action", "os_username=admin&os_password=%s&login=Log+in", 200))
	add("Jira REST", triedPasswords("/rest/auth/1/session", `{"username":"admin","password":"%s"}`, 401))
	add("Bitbucket", moved(triedPasswords("/j_atl_security_check", "j_username=admin&j_password=%s", 302), "/login?next=/&auth_failure=1"))
	add("Redmine", triedPasswords("/login", "authenticity_token=x&username=admin&password=%s&login=Login", 200))
	add("Matomo", triedPasswords("/index.php?module=Login", "form_login=admin&form_password=%s&form_nonce=x", 200))
	add("Umami", triedPasswords("/api/auth/login", `{"username":"admin","password":"%s"}`, 401))
	add("n8n", triedPasswords("/rest/login", `{"emailOrLdapLoginId":"a@b.c","password":"%s"}`, 401))
	add("Open WebUI", triedPasswords("/api/v1/auths/signin", `{"email":"a@b.c","password":"%s"}`, 400))
	add("Matrix login", triedPasswords("/_matrix/client/v3/login", `{"type":"m.login.password","identifier":{"type":"m.id.user","user":"anna"},"password":"%s"}`, 403))
	add("Mastodon form in parts", acts(20, .2, func(i int) act {
		a := act{target: "/auth/sign_in", method: "POST", status: 422, header: "Content-Type: multipart/form-data; boundary=b"}
		a.body = fmt.Sprintf("--b\r\nContent-Disposition: form-data; name=\"user[email]\"\r\n\r\na@b.c\r\n--b\r\nContent-Disposition: form-data; name=\"user[password]\"\r\n\r\np%d\r\n--b--\r\n", i)
		return a
	}))
	add("WordPress with random slashes", acts(20, .2, func(i int) act {
		return form(strings.Repeat("/", 1+i%4)+"wp-login.php?x="+fmt.Sprint(i), fmt.Sprintf("log=admin&pwd=p%d", i), 200)
	}))
	add("users each with a password each (200)", acts(20, .2, func(i int) act { return form("/login", fmt.Sprintf("username=u%d&password=leak%d", i, i), 401) }))
	add("Basic, tomcat manager", acts(20, .2, func(i int) act {
		return act{target: "/manager/html", status: 401, header: basicOf("tomcat", fmt.Sprint("p", i)), auth: "Basic realm=x"}
	}))
	add("Basic, 403 by the application", acts(20, .2, func(i int) act {
		return act{target: "/nagios/", status: 403, header: basicOf("nagiosadmin", fmt.Sprint("p", i))}
	}))
	add("LDAP self service, JSON in text/plain", triedPasswords("/api/logon", `{"u":"anna","pwd":"%s"}`, 401))
	add("ASP.NET Web Forms", triedPasswords("/Login.aspx", "__VIEWSTATE=x&ctl00%%24MainContent%%24UserName=anna&ctl00%%24MainContent%%24Password=%s&ctl00%%24MainContent%%24LoginButton=Log+in", 200))
	add("login by query (GET)", acts(20, .2, func(i int) act {
		return act{target: fmt.Sprintf("/webapi/auth.cgi?api=SYNO.API.Auth&method=login&account=admin&passwd=p%d", i), status: 200}
	}))
	add("Subsonic password in the query", acts(20, .2, func(i int) act {
		return act{target: fmt.Sprintf("/rest/ping.view?u=admin&p=pw%d&v=1.16&c=x", i), status: 200}
	}))
	add("SOAP", acts(20, .2, func(i int) act {
		return act{method: "POST", target: "/ws/AuthService", header: "Content-Type: text/xml", body: fmt.Sprintf("<soap:Envelope><soap:Body><Login><username>admin</username><password>p%d</password></Login></soap:Body></soap:Envelope>", i), status: 500}
	}))
	add("PUT of a session", acts(20, .2, func(i int) act {
		return act{method: "PUT", target: "/api/session", header: "Content-Type: application/json", body: fmt.Sprintf(`{"username":"a","password":"p%d"}`, i), status: 401}
	}))
	return all
}

// top is the beginning of a list of folders, words of our own among those of the trade.
var scanWords = strings.Fields(`intranet secure members partner vault portal2 legacy archive2019 devel qa uat preprod reports export import
	uploads2 assets_old cgi images2 store2 crm erp hr payroll finance invoices customer clients vendors supplier mail2 smtp imap cloud
	files2 docs2 wiki2 forum2 board chat support helpdesk ticket jira2 git2 svn2 repo build deploy release artifacts nexus sonar grafana2 kibana2 elastic`)

func scanned(n int, gap float64, f func(i int) act) []act { return by(chrome, acts(n, gap, f)) }

// scanAttacks are searches. They are to be answered by their 15th missing path.
func scanAttacks() []assault {
	var all []assault
	add := func(name string, n int, list ...[]act) {
		if strings.HasPrefix(name, "302 to one of three") { // of each kind of answer the first three tell nothing yet
			n = n*4/3 + 30*strings.Count(name, "in between")
		}
		all = append(all, assault{conduct{name, slices.Concat(list...)}, n})
	}
	w := func(i int) string { return scanWords[i%len(scanWords)] }
	html := func(a act, size int64) act { a.kind, a.size = "text/html; charset=utf-8", size; return a }
	for _, s := range []struct {
		name   string
		answer func(a act, i int) act
	}{
		{"404", func(a act, _ int) act { a.status = 404; return a }},
		{"403", func(a act, _ int) act { a.status = 403; return a }},
		{"404 and 403 mixed", func(a act, i int) act { a.status = 404 - i%2; return a }},
		{"200", func(a act, _ int) act { a.status = 200; return html(a, 7312) }},
		{"200 with the path in the page", func(a act, _ int) act { a.status = 200; return html(a, 7312+int64(len(a.target))) }},
		{"302 to /", func(a act, _ int) act { a.status = 302; return a.to("/") }},
		{"302 to /login", func(a act, _ int) act { a.status = 302; return a.to("/login") }},
		{"302 to login with the path", func(a act, _ int) act { a.status = 302; return a.to("/login?next=" + a.target) }},
		{"301 to the other host", func(a act, _ int) act { a.status = 301; return a.to("https://www.site.example/") }},
		{"302 to one of three", func(a act, i int) act { a.status = 302; return a.to([]string{"/", "/home", "/de/"}[i%3]) }},
		{"302 to the same path elsewhere", func(a act, _ int) act { a.status = 302; return a.to("/en" + a.target) }},
		{"410", func(a act, _ int) act { a.status = 410; return a }},
		{"400", func(a act, _ int) act { a.status = 400; return a }},
		{"401", func(a act, _ int) act { a.status = 401; a.auth = "Basic realm=x"; return a }},
		{"500 by a broken application", func(a act, _ int) act { a.status = 500; return a }},
	} {
		word := func(format string) []act {
			return scanned(60, .1, func(i int) act { return s.answer(act{target: fmt.Sprintf(format, w(i))}, i) })
		}
		add(s.name+": words at the top", 15, word("/%s"))
		add(s.name+": words with slashes", 15, word("/%s/"))
		add(s.name+": words as php", 15, word("/%s.php"))
		add(s.name+": words as html, aspx, bak", 15, scanned(60, .1, func(i int) act {
			return s.answer(act{target: "/" + w(i) + []string{".html", ".aspx", ".bak", ".txt", ".json", ".old"}[i%6]}, i)
		}))
		add(s.name+": upper case", 15, scanned(60, .1, func(i int) act { return s.answer(act{target: "/" + strings.ToUpper(w(i))}, i) }))
		add(s.name+": escaped", 15, scanned(60, .1, func(i int) act { return s.answer(act{target: "/%" + fmt.Sprintf("%02x", w(i)[0]) + w(i)[1:]}, i) }))
		add(s.name+": HEAD", 15, scanned(60, .1, func(i int) act { return s.answer(act{method: "HEAD", target: "/" + w(i)}, i) }))
		add(s.name+": with pages in between", 50, mixed(scanned(40, .1, func(i int) act { return s.answer(act{target: "/" + w(i)}, i) }), scanned(40, .1, func(i int) act { return ok("/products/" + word2(i)) })))
		add(s.name+": with the start page in between", 30, mixed(scanned(40, .1, func(i int) act { return s.answer(act{target: "/" + w(i)}, i) }), scanned(40, .1, func(int) act { return ok("/") })))
		add(s.name+": claiming to be a picture's", 15, sending("Sec-Fetch-Site: cross-site|Sec-Fetch-Dest: image", word("/%s")))
		add(s.name+": claiming a foreign page", 15, sending("Referer: https://www.google.com/", word("/%s")))
		add(s.name+": slow, each 12 s", 30, scanned(100, 12, func(i int) act { return s.answer(act{target: "/" + w(i) + fmt.Sprint("x", string(rune('a'+i/56)))}, i) }))
	}
	missing := func(n int, gap float64, f func(i int) string) []act {
		return scanned(n, gap, func(i int) act { return act{target: f(i), status: 404} })
	}
	add("words below a prefix", 15, missing(60, .1, func(i int) string { return "/app/" + w(i) }))
	add("words of an API below a prefix", 15, missing(60, .1, func(i int) string {
		return "/api/v1/" + []string{"users", "admin", "config", "debug", "internal", "health", "metrics", "token", "login", "keys", "secrets", "env", "backup", "orders", "invoices", "export", "import", "shell", "exec", "roles"}[i%20]
	}))
	add("one script of many names below a prefix", 15, missing(60, .1, func(i int) string { return "/site/" + w(i) + ".php" }))
	add("extensions of one name", 15, missing(30, .1, func(i int) string {
		return "/index" + []string{".php", ".html", ".asp", ".aspx", ".jsp", ".bak", ".old", ".zip", ".tar.gz", ".sql", ".txt", ".log", ".xml", ".json", ".yml", ".inc", ".conf", ".cfg", ".ini", ".orig", ".save", ".swp", ".tmp", ".rar", ".7z", ".db", ".php~", ".phps", ".shtml", ".cgi"}[i]
	}))
	add("backups named after the host", 15, missing(24, .1, func(i int) string {
		return "/" + []string{"site", "example", "site.example", "www", "backup", "site_example", "html", "web"}[i%8] + []string{".zip", ".tar.gz", ".sql"}[i/8]
	}))
	add("templates of nuclei: deep and different", 15, missing(20, .1, func(i int) string {
		return []string{"/owa/auth/x.js", "/mgmt/tm/util/bash", "/api/v1/pods", "/cgi-bin/jarrewrite.sh", "/_layouts/15/start.aspx", "/sap/public/info", "/nacos/v1/console/server/state", "/zabbix/jsrpc.php", "/webtools/control/main", "/hoteldruid/inizio.php", "/geoserver/wfs", "/solr/admin/cores", "/artifactory/api/system/ping", "/jolokia/version", "/ui/vropspluginui/rest/services/getstatus", "/analytics/telemetry/ph/api/hyper/send", "/rest/tinymce/1/macro/preview", "/xmldata", "/api/geojson", "/plugins/servlet/oauth/users/icon-uri"}[i]
	}))
	add("POST to many words", 15, scanned(60, .1, func(i int) act { return act{target: "/" + w(i), body: "a=b", status: 404} }))
	add("claiming to be an application that asks for the pages behind links", 15, missing(60, .1, func(i int) string { return "/" + w(i) + "?_rsc=" + digits(i, 5) }))
	add("claiming to be a phone", 15, by("Yealink SIP-T46U 108.86.0.118", missing(60, .1, func(i int) string { return "/" + w(i) + []string{".php", ".bak", ".cfg"}[i%3] })))
	add("folders of many words, with numbers in each", 15, missing(60, .1, func(i int) string { return fmt.Sprint("/", w(i), "/", w(i+1), "/", i) }))
	add("words with a capital", 15, missing(60, .1, func(i int) string { return "/" + strings.ToUpper(w(i)[:1]) + w(i)[1:] }))
	add("claiming to be npm", 15, by("npm/11.6.0 node/v24.9.0", missing(60, .1, func(i int) string { return "/" + w(i) })))
	add("ids that are not there", 60, missing(80, .1, func(i int) string { return "/api/invoices/" + fmt.Sprint(1000+i) }))
	add("ids that are forbidden, POST", 60, scanned(80, .1, func(i int) act {
		return act{method: "POST", target: "/api/invoices/" + fmt.Sprint(1000+i), body: "x=1", status: 403}
	}))
	add("ids in the query", 60, scanned(80, .1, func(i int) act { return act{target: "/invoice.php?id=" + fmt.Sprint(1000+i), status: 403} }))
	add("one-time codes", 60, acts(80, .2, func(i int) act { return form("/login/verify", fmt.Sprintf("otp=%06d", i*7919), 401) }))
	add("one-time codes, 200", 60, acts(80, .2, func(i int) act { return form("/login/verify", fmt.Sprintf("otp=%06d", i*7919), 200) }))
	add("one-time codes, back to the form", 60, acts(80, .2, func(i int) act {
		return form("/login/verify", fmt.Sprintf("otp=%06d", i*7919), 302).to("/login/verify")
	}))
	add("coupons, 404", 60, acts(80, .2, func(i int) act { return form("/cart/coupon", "code="+strings.ToUpper(word2(i))+"20", 404) }))
	add("coupons, 422", 60, acts(80, .2, func(i int) act { return form("/cart/coupon", `{"coupon":"`+strings.ToUpper(word2(i))+`20"}`, 422).js() }))
	add("tokens in a header", 60, acts(80, .2, func(i int) act { return act{target: "/api/me", status: 401, header: "X-Api-Key: " + digits(i, 32)} }))
	add("tokens, Bearer, 403", 60, acts(80, .2, func(i int) act {
		return act{target: "/api/me", status: 403, header: "Authorization: Bearer " + digits(i, 32)}
	}))
	add("tokens in the query", 60, acts(80, .2, func(i int) act { return act{target: "/api/me?api_key=" + digits(i, 32), status: 401} }))
	add("reset tokens in the path", 60, missing(80, .2, func(i int) string { return "/reset/" + digits(i, 6) }))
	add("share tokens in the path", 60, missing(80, .2, func(i int) string { return "/s/" + digits(i, 8) }))
	add("user names of a site by path", 60, missing(80, .2, func(i int) string { return "/users/" + word2(i) }))
	return all
}

func word2(i int) string { return word(i*7 + 3) }

// spreadAttacks come from many addresses or slowly: see by for how many failures there may be.
func spreadAttacks() []assault {
	var all []assault
	add := func(name string, n int, list []act) { all = append(all, assault{conduct{name, by(chrome, list)}, n}) }
	v4 := func(i int) string { return fmt.Sprintf("198.18.%d.%d", i/200, 1+i%200) }
	v6 := func(i int) string { return fmt.Sprintf("2001:db8:%x:%x::1", i%7, i) }
	far := func(i int) string { return fmt.Sprintf("%d.%d.3.4", 11+i%80, i/80+1) }
	for _, from := range []struct {
		name string
		at   func(i int) string
	}{{"v4", v4}, {"v6", v6}, {"all the world", far}} {
		one := func(n int, gap float64, f func(i int) act) []act {
			return acts(n, gap, func(i int) act { return f(i).at(from.at(i)) })
		}
		add(from.name+": 300 addresses, a try each, 401", 20, one(300, 2, func(i int) act {
			return form("/api/login", fmt.Sprintf(`{"email":"u%d@x","password":"l%d"}`, i, i), 401).js()
		}))
		add(from.name+": 300 addresses, a try each, WordPress", 20, one(300, 2, func(i int) act { return form("/wp-login.php", fmt.Sprintf("log=u%d&pwd=l%d", i, i), 200) }))
		add(from.name+": 300 addresses, a try each, 302 to the login", 20, one(300, 2, func(i int) act {
			return form("/login", fmt.Sprintf("email=u%d@x&password=l%d", i, i), 302).to("/login")
		}))
		add(from.name+": 300 addresses, a try each, 200 and nothing", 20, one(300, 2, func(i int) act { return form("/user/login", fmt.Sprintf("user_name=u%d&password=l%d", i, i), 200) }))
		add(from.name+": 300 addresses, a try each, 200 and the form again", 20, one(300, 2, func(i int) act {
			a := form("/user/login", fmt.Sprintf("user_name=u%d&password=l%d", i, i), 200).saying(`<form><input name="password" type="password"></form>`)
			a.kind, a.size = "text/html", 50
			return a
		}))
		add(from.name+": 300 addresses, one name, 200 and nothing", 20, one(300, 2, func(i int) act { return form("/user/login", fmt.Sprintf("user_name=admin&password=l%d", i), 200) }))
		add(from.name+": one name every 5 minutes, 401", 30, one(100, 300, func(i int) act { return form("/login", fmt.Sprintf("user=admin&password=l%d", i), 401) }))
		add(from.name+": one name every 130 s, WordPress", 30, one(100, 130, func(i int) act { return form("/wp-login.php", fmt.Sprintf("log=admin&pwd=l%d", i), 200) }))
		add(from.name+": one name every 130 s, 200 and nothing", 30, one(100, 130, func(i int) act { return form("/login", fmt.Sprintf("user=admin&password=l%d", i), 200) }))
		add(from.name+": Basic, one name", 30, one(100, 20, func(i int) act {
			return act{target: "/private/", status: 401, header: basicOf("admin", fmt.Sprint("l", i)), auth: "Basic"}
		}))
		add(from.name+": codes", 30, one(100, 5, func(i int) act { return form("/2fa", fmt.Sprintf("code=%06d", i*7919), 401) }))
		add(from.name+": xmlrpc", 30, one(100, 5, func(i int) act {
			return act{method: "POST", target: "/xmlrpc.php", header: "Content-Type: text/xml", status: 200, body: fmt.Sprintf("<methodCall><methodName>wp.getUsersBlogs</methodName><params><param><value><string>admin</string></value></param><param><value><string>l%d</string></value></param></params></methodCall>", i)}
		}))
	}
	add("one address, one name every 2 minutes", 30, acts(60, 120, func(i int) act { return form("/login", fmt.Sprintf("user=admin&password=l%d", i), 401) }))
	add("one address, one name every 2 minutes, 200 and nothing", 30, acts(60, 120, func(i int) act { return form("/login", fmt.Sprintf("user=admin&password=l%d", i), 200) }))
	add("one address, a name each minute", 30, acts(60, 60, func(i int) act { return form("/login", fmt.Sprintf("user=u%d&password=l%d", i, i), 401) }))
	add("one address, a name each minute, 200 and nothing", 30, acts(60, 60, func(i int) act { return form("/login", fmt.Sprintf("user=u%d&password=l%d", i, i), 200) }))
	add("one address, own account in between", 40, mixed(acts(60, 10, func(i int) act { return form("/login", fmt.Sprintf("user=admin&password=l%d", i), 401) }), acts(60, 10, func(int) act { return form("/login", "user=me&password=mine", 302).to("/").session() })))
	add("one address, own account in between, JSON", 40, mixed(acts(60, 1, func(i int) act {
		return form("/api/login", fmt.Sprintf(`{"email":"u%d@x","password":"l%d"}`, i, i), 401).js()
	}), acts(60, 1, func(int) act { return form("/api/login", `{"email":"me@x","password":"mine"}`, 200).js() })))
	add("claiming a foreign page at the login", 30, sending("Sec-Fetch-Site: cross-site|Origin: https://evil.example", acts(40, 1, func(i int) act { return form("/login", fmt.Sprintf("user=admin&password=l%d", i), 401) })))
	add("scan over 20 addresses of a /24", 40, acts(100, 1, func(i int) act {
		return act{target: "/" + scanWords[i%56], status: 404}.at(fmt.Sprintf("198.18.0.%d", 1+i%20))
	}))
	add("scan over a /48", 40, acts(100, 1, func(i int) act {
		return act{target: "/" + scanWords[i%56], status: 404}.at(fmt.Sprintf("2001:db8:1:%x::5", i))
	}))
	add("scan over a /48, pages in between", 80, mixed(acts(100, 1, func(i int) act {
		return act{target: "/" + scanWords[i%56], status: 404}.at(fmt.Sprintf("2001:db8:1:%x::5", i%16))
	}),
		acts(100, 0, func(i int) act { return ok("/p/" + word2(i)).at(fmt.Sprintf("2001:db8:1:%x::5", i%16)) })))
	add("slow scan, a minute each", 30, acts(60, 60, func(i int) act { return act{target: "/" + scanWords[i%56], status: 404} }))
	return all
}

package detect

import (
	"fmt"
	"slices"
	"strings"
)

// moreAssaults are attacks on other applications and by other ways than those of the
// functions beside.
func moreAssaults() []assault {
	return slices.Concat(moreLoginAttacks(), moreSpreadAttacks(), moreGuessing(), moreScans(), assaultsInDisguise())
}

func attackAdder(all *[]assault) func(int, string, ...[]act) {
	return func(by int, name string, acts ...[]act) {
		*all = append(*all, assault{conduct{name, slices.Concat(acts...)}, by})
	}
}

// answering sets the answers of acts, which are JSON, text or a page by how they begin.
func answering(list []act, answer string) []act {
	for i := range list {
		list[i].answer, list[i].size = answer, int64(len(answer))
		switch answer[:1] {
		case "{", "[":
			list[i].kind = mediaJSON
		case "<":
			list[i].kind = "text/html"
		default:
			list[i].kind = "text/plain"
		}
	}
	return list
}

func moreLoginAttacks() []assault {
	var all []assault
	add := attackAdder(&all)
	const again = `<form method="post"><input name="u"><input type="password" name="p"></form>`
	add(10, "Zulip", answering(triedPasswords("/api/v1/fetch_api_key", "username=a%%40b.c&password=%s", 403), `{"result":"error","msg":"Your username or password is incorrect","code":"AUTHENTICATION_FAILED"}`))
	add(10, "Wiki.js", answering(acts(20, .2, func(i int) act {
		return act{target: "/graphql", json: true, status: 200, body: fmt.Sprintf(`[{"operationName":null,"variables":{"username":"a@b.c","password":"p%d","strategy":"local"},"query":"mutation($username:String!,$password:String!,$strategy:String!){authentication{login(username:$username,password:$password,strategy:$strategy){responseResult{succeeded errorCode}jwt}}}"}]`, i)}
	}),
		`[{"data":{"authentication":{"login":{"responseResult":{"succeeded":false,"errorCode":1002},"jwt":null}}}}]`))
	add(10, "BookStack", moved(triedPasswords("/login", "_token=x&email=a%%40b.c&password=%s", 302), "https://site.example/login"))
	add(10, "wallabag", moved(triedPasswords("/login_check", "_username=anna&_password=%s&_csrf_token=x&send=", 302), "/login"))
	add(10, "Kimai", moved(triedPasswords("/en/login_check", "_username=anna&_password=%s&_csrf_token=x", 302), "https://site.example/en/login"))
	add(10, "Seafile", answering(triedPasswords("/accounts/login/", "csrfmiddlewaretoken=x&login=anna%%40b.c&password=%s&next=%%2F", 200), again))
	add(10, "SuiteCRM", moved(triedPasswords("/index.php?module=Users&action=Authenticate", "module=Users&action=Authenticate&user_name=admin&username_password=%s&Login=Log+In", 302), "index.php?action=Login&module=Users"))
	add(10, "Dolibarr", answering(triedPasswords("/index.php?mainmenu=home", "token=x&actionlogin=login&loginfunction=loginfunction&username=admin&password=%s", 200), again))
	add(10, "GLPI, whose fields have other names each time", answering(acts(20, .2, func(i int) act {
		return form("/front/login.php", fmt.Sprintf("noAUTO=0&redirect=&_glpi_csrf_token=%s&field%s=glpi&field%s=pw%d&auth=local&submit=", digits(i, 32), digits(i*2, 13), digits(i*2+1, 13), i), 200)
	}), again))
	add(10, "Firefly III", moved(triedPasswords("/login", "_token=x&email=a%%40b.c&password=%s&remember=1", 302), "https://site.example/login"))
	add(10, "AdGuard Home", answering(triedPasswords("/control/login", `{"name":"admin","password":"%s"}`, 400), "invalid username or password\n"))
	add(10, "Proxmox", triedPasswords("/api2/json/access/ticket", "username=root&password=%s&realm=pam&new-format=1", 401))
	add(10, "Mealie", answering(triedPasswords("/api/auth/token", "username=a%%40b.c&password=%s&remember_me=false", 401), `{"detail":"Unauthorized"}`))
	add(10, "Immich", answering(triedPasswords("/api/auth/login", `{"email":"a@b.c","password":"%s"}`, 401), `{"message":"Incorrect email or password","error":"Unauthorized","statusCode":401}`))
	add(10, "Cockpit", acts(20, .2, func(i int) act {
		return act{target: "/cockpit/login", header: basicOf("root", fmt.Sprint("p", i)), status: 401}
	}))
	add(10, "SOGo", answering(triedPasswords("/SOGo/connect", `{"userName":"anna","password":"%s","domain":null,"rememberLogin":0}`, 403), `{"error":0,"expire":null,"grace":null}`))
	add(10, "SnappyMail", answering(triedPasswords("/?/Json/&q[]=/0/", "Action=Login&XToken=x&Email=a%%40b.c&Login=&Password=%s&Language=&SignMe=0", 200), `{"Action":"Login","Result":false,"ErrorCode":102,"ErrorMessage":"AuthError"}`))
	add(10, "Afterlogic", answering(acts(20, .2, func(i int) act {
		return form("/?/Api/", fmt.Sprintf("Module=Core&Method=Login&Parameters=%%7B%%22Login%%22%%3A%%22a%%40b.c%%22%%2C%%22Password%%22%%3A%%22p%d%%22%%7D", i), 200)
	}), `{"Module":"Core","Method":"Login","Result":false,"ErrorCode":102}`))
	add(10, "Horde", moved(triedPasswords("/login.php", "app=&login_post=1&url=&horde_user=anna&horde_pass=%s&horde_select_view=auto", 302), "/login.php?horde_logout_token=x&logout_reason=badlogin"))
	add(10, "Moodle", moved(triedPasswords("/login/index.php", "anchor=&logintoken=x&username=anna&password=%s", 303), "https://site.example/login/index.php?loginredirect=1"))
	add(10, "Keystone", answering(triedPasswords("/v3/auth/tokens", `{"auth":{"identity":{"methods":["password"],"password":{"user":{"domain":{"id":"default"},"name":"admin","password":"%s"}}}}}`, 401), `{"error":{"code":401,"message":"The request you have made requires authentication."}}`))
	add(10, "a name in the path", triedPasswords("/api/users/admin/login", `{"password":"%s"}`, 401))
	add(10, "EspoCRM, by a field of the header", acts(20, .2, func(i int) act {
		_, both, _ := strings.Cut(basicOf("admin", fmt.Sprint("p", i)), "Basic ")
		return act{target: "/api/v1/App/user", header: "Espo-Authorization: " + both, status: 401}
	}))
	add(20, "the name first, then the password", answering(acts(20, .2, func(i int) act {
		if i%2 == 0 {
			return act{target: "/login/identifier", json: true, body: `{"identifier":"anna"}`, status: 200}
		}
		return act{target: "/login/challenge", json: true, body: fmt.Sprintf(`{"password":"p%d"}`, i), status: 401}
	}), `{}`))
	for _, answer := range []string{
		`{"success":false}`, `{"status":"error","data":null}`, `{"code":401,"msg":"x"}`, `{"ok":false}`, `{"errno":1004}`, `{"error":"x"}`, `{"result":"fail"}`,
		`{"authenticated":false}`, `{"errors":{"password":["x"]}}`, `{"loggedIn":false}`, "0", "false", "ERR",
	} {
		add(10, "JSON, 200, answered "+answer, answering(triedPasswords("/api/login", `{"username":"anna","password":"%s"}`, 200), answer))
	}
	return all
}

func moreSpreadAttacks() []assault {
	var all []assault
	add := attackAdder(&all)
	v6 := func(i int) string { return fmt.Sprintf("2001:db8:77:%x::%x", i, i*31+1) }
	v4 := func(i int) string { return fmt.Sprintf("%d.%d.%d.9", 11+i%90, 3+i*7%200, i*13%250) }
	leak := func(i int) act { return form("/login", fmt.Sprintf("user=%s&password=leak%d", word(i), i), 401) }
	one := func(i int) act { return form("/login", fmt.Sprintf("user=admin&password=p%d", i), 401) }
	add(30, "a /64 for each try, one name", acts(200, 1, func(i int) act { return one(i).at(v6(i)) }))
	add(30, "a /64 for each try, a name each", acts(200, 1, func(i int) act { return leak(i).at(v6(i)) }))
	add(30, "two hundred addresses, a name each, one password", acts(200, 3, func(i int) act {
		return form("/login", fmt.Sprintf("user=%s&password=Winter2026", word(i)), 401).at(v4(i))
	}))
	add(30, "two hundred addresses, a name each, redirected to the form", acts(200, 3, func(i int) act {
		return form("/login", fmt.Sprintf("_token=x&email=%s&password=p%d", word(i), i), 302).to("/login").at(v4(i))
	}))
	add(30, "two hundred addresses, one name, a try in four minutes", acts(100, 240, func(i int) act { return one(i).at(v4(i)) }))
	add(30, "60 addresses by HTTP Basic, names of a list", acts(200, 2, func(i int) act {
		return act{target: "/private/", status: 401, auth: "Basic realm=x", header: basicOf(word(i), "Winter2026")}.at(v4(i % 60))
	}))
	add(30, "100 addresses, JSON with an error in 200", answering(acts(200, 2, func(i int) act {
		return act{target: "/api/login", json: true, body: fmt.Sprintf(`{"email":"%s@x.example","password":"p%d"}`, word(i), i), status: 200}.at(v4(i % 100))
	}), `{"success":false,"message":"wrong"}`))
	add(30, "xmlrpc.php from a hundred addresses, a call each", acts(200, 2, func(i int) act {
		return act{
			target: "/xmlrpc.php", header: "Content-Type: text/xml", status: 200, kind: "text/xml", answer: "<methodResponse><fault><value><struct><member><name>faultCode</name><value><int>403</int></value></member></struct></value></fault></methodResponse>",
			body: fmt.Sprintf("<methodCall><methodName>wp.getUsersBlogs</methodName><params><param><value>admin</value></param><param><value>p%d</value></param></params></methodCall>", i),
		}.at(v4(i % 100))
	}))
	add(30, "codes by a hundred addresses", acts(200, 2, func(i int) act { return form("/2fa", fmt.Sprintf("otp=%06d", i*4973%1000000), 401).at(v4(i % 100)) }))
	add(30, "one address, a name each ten minutes", acts(80, 600, leak))
	add(30, "twenty addresses of a /24 in turns, one name", acts(200, 5, func(i int) act { return one(i).at(fmt.Sprintf("198.51.100.%d", 10+i%20)) }))
	return all
}

// moreGuessing is answered later than logins: machines with tokens that have ended, and people
// who look up numbers, send as many.
func moreGuessing() []assault {
	var all []assault
	add := attackAdder(&all)
	add(60, "API keys in a field of their own", acts(120, .2, func(i int) act {
		return act{target: "/api/v1/items", status: 401, header: "X-Api-Key: " + digits(i, 32), kind: mediaJSON, answer: `{"error":"invalid key"}`}
	}))
	add(60, "API keys of GitLab", acts(120, .2, func(i int) act {
		return act{target: "/api/v4/projects", status: 401, header: "Private-Token: glpat-" + digits(i, 20)}
	}))
	add(20, "codes to reset a password, JSON", answering(acts(60, .2, func(i int) act {
		return act{target: "/api/password/verify", json: true, body: fmt.Sprintf(`{"email":"anna@x.example","code":"%06d"}`, i*7919%1000000), status: 422}
	}), `{"message":"The code is invalid."}`))
	add(20, "codes to reset a password, a form", acts(60, .2, func(i int) act {
		return form("/reset/confirm", fmt.Sprintf("email=anna&reset_code=%06d", i*7919%1000000), 400)
	}))
	add(35, "a PIN that unlocks", acts(60, .2, func(i int) act {
		return act{target: "/api/unlock", json: true, body: fmt.Sprintf(`{"pin":"%04d"}`, i), status: 403}
	}))
	add(1, "GraphQL: a hundred logins by aliases", []act{{target: "/graphql", json: true, status: 200, kind: mediaJSON, answer: `{"errors":[{"message":"x"}]}`, body: `{"query":"mutation{` + aliases(100) + `}"}`}})
	add(1, "GraphQL: a hundred logins in a list", []act{{target: "/graphql", json: true, status: 200, kind: mediaJSON, answer: `[{"errors":[{"message":"x"}]}]`, body: batch(100)}})
	add(20, "GraphQL: five logins by aliases, and again", acts(30, .5, func(i int) act {
		return act{target: "/graphql", json: true, status: 200, kind: mediaJSON, answer: `{"errors":[{"message":"Invalid credentials"}],"data":null}`, body: `{"query":"mutation{` + strings.ReplaceAll(aliases(5), "guess", fmt.Sprint("g", i)) + `}"}`}
	}))
	add(10, "GraphQL: a login whose variables have names of their own", answering(acts(20, .2, func(i int) act {
		return act{target: "/graphql", json: true, status: 200, body: fmt.Sprintf(`{"variables":{"x1":"admin","x2":"guess%d"},"query":"mutation L($x1:String!,$x2:String!){signIn(email:$x1, password : $x2){token}}"}`, i)}
	}), `{"errors":[{"message":"x"}],"data":{"signIn":null}}`))
	add(1, "xmlrpc.php: fifty logins in a call", []act{{target: "/xmlrpc.php", header: "Content-Type: text/xml", status: 200, body: xmlBundle(50)}})
	add(35, "codes of devices", acts(60, .2, func(i int) act { return form("/device", fmt.Sprintf("user_code=%08d", i*7919317%100000000), 400) }))
	return all
}

// aliases returns n logins of GraphQL for one request.
func aliases(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `a%d:login(username:\"admin\",password:\"guess%d\"){token} `, i, i)
	}
	return b.String()
}

func batch(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(`{"query":"mutation($u:String!,$p:String!){login(username:$u,password:$p){token}}","variables":{"u":"admin","p":"guess%d"}}`, i)
	}
	return "[" + strings.Join(all, ",") + "]"
}

func moreScans() []assault {
	var all []assault
	add := attackAdder(&all)
	at := func(format string, status int, change func(i int, a *act)) []act {
		return by(chrome, acts(60, .2, func(i int) act {
			a := act{target: fmt.Sprintf(format, scanWords[i%len(scanWords)]), status: status}
			change(i, &a)
			return a
		}))
	}
	page := func(size int64) func(int, *act) {
		return func(_ int, a *act) { a.kind, a.size = "text/html", size }
	}
	add(15, "the start page for all, 200", at("/%s", 200, page(8123)))
	add(15, "a page that repeats the path, 200", at("/%s", 200, func(_ int, a *act) { a.kind, a.size = "text/html", 4000+2*int64(len(a.target)) }))
	add(15, "redirected to the start page", at("/%s", 302, func(_ int, a *act) { a.location = "/" }))
	add(15, "redirected to a page of errors that names the path", at("/%s", 302, func(_ int, a *act) { a.location = "/error?from=" + a.target }))
	add(15, "redirected to the login with a loop", at("/%s", 302, func(i int, a *act) { a.location = fmt.Sprintf("/login?n=%d&next=%s", i, a.target) }))
	add(15, "404 by an application that sets a session", at("/%s", 404, func(_ int, a *act) { *a = a.session(); a.kind, a.size = "text/html", 900 }))
	add(15, "files with endings of scripts", at("/%s.php", 404, func(int, *act) {}))
	add(15, "folders with a slash", at("/%s/", 404, func(int, *act) {}))
	add(15, "by HEAD", at("/%s", 404, func(_ int, a *act) { a.method = "HEAD" }))
	add(15, "in capital letters, with a query each", at("/%s", 404, func(i int, a *act) { a.target = strings.ToUpper(a.target) + fmt.Sprint("?v=", i) }))
	add(15, "names with a dot before", at("/.%s", 404, func(int, *act) {}))
	add(15, "403 for half, 404 for the others", at("/%s", 404, func(i int, a *act) { a.status = []int{403, 404}[i%2] }))
	add(15, "with a Referer of the site and cookies", at("/%s", 404, func(_ int, a *act) { a.header = "Referer: https://site.example/|Cookie: session=abc" }))
	return all
}

// assaultsInDisguise do what others do in a way that is to hide it.
func assaultsInDisguise() []assault {
	var all []assault
	add := attackAdder(&all)
	v4 := func(i int) string { return fmt.Sprintf("%d.%d.%d.9", 11+i%90, 3+i*7%200, i*13%250) }
	guess := func(target string, i, status int) act {
		return form(target, fmt.Sprintf("user=admin&password=p%d", i), status)
	}
	add(10, "two ways to log in, in turns", acts(20, .2, func(i int) act {
		if i%2 == 0 {
			return guess("/login", i, 401)
		}
		return act{target: "/api/login", json: true, body: fmt.Sprintf(`{"user":"admin","password":"p%d"}`, i), status: 401}
	}))
	add(10, "another agent each time", acts(20, .2, func(i int) act {
		a := guess("/login", i, 401)
		a.agent = fmt.Sprintf("Mozilla/5.0 (X11; Linux x86_64; rv:%d.0) Gecko/20100101 Firefox/%[1]d.0", 60+i)
		return a
	}))
	add(60, "with pages, styles and pictures like a browser", acts(60, .2, func(i int) act {
		switch i % 6 {
		case 0:
			return ok("/login")
		case 5:
			return guess("/login", i, 302).to("/login?error=1")
		}
		return ok(fmt.Sprintf("/static/%d.css", i%6))
	}))
	add(10, "a parameter that differs each time", acts(20, .2, func(i int) act { return guess("/login?r="+digits(i, 12), i, 401) }))
	add(10, "the path in other letters each time", acts(20, .2, func(i int) act {
		return guess([]string{"/login", "/Login", "/LOGIN", "/login/", "//login", "/./login", "/%6cogin"}[i%7], i, 401)
	}))
	add(10, "JSON that is called text", acts(20, .2, func(i int) act {
		return act{target: "/api/login", body: fmt.Sprintf(`{"user":"admin","password":"p%d"}`, i), header: "Content-Type: text/plain", status: 401}
	}))
	add(10, "JSON with the password before the name, and numbers", acts(20, .2, func(i int) act {
		return act{target: "/api/session", json: true, body: fmt.Sprintf(`{"remember":1,"password":"p%d","login":"admin","ts":%d}`, i, i*977), status: 400}
	}))
	add(10, "redirected to a page of failures", acts(20, .2, func(i int) act { return guess("/signin", i, 303).to("/signin/failed") }))
	add(10, "redirected with 307 to the form", acts(20, .2, func(i int) act { return guess("/signin", i, 307).to("/signin?error=credentials") }))
	add(10, "a cookie of a session with each answer", acts(20, .2, func(i int) act { return guess("/login", i, 401).session() }))
	add(10, "Basic for other pages each time", acts(20, .2, func(i int) act {
		return act{target: "/admin/" + word(i), status: 401, auth: "Basic realm=x", header: basicOf("admin", fmt.Sprint("p", i))}
	}))
	add(20, "three passwords for fifty names, a minute each", acts(150, 60, func(i int) act {
		return form("/login", fmt.Sprintf("user=%s&password=Season%d", word(i%50), i/50), 401)
	}))
	add(30, "five addresses in turns, three passwords for fifty names", acts(150, 60, func(i int) act {
		return form("/login", fmt.Sprintf("user=%s&password=Season%d", word(i%50), i/50), 401).at(v4(i % 5))
	}))
	add(30, "an address each two minutes, with one name", acts(100, 130, func(i int) act { return guess("/login", i, 401).at(v4(i)) }))
	add(30, "from a page of others, as it claims", sending("Sec-Fetch-Site: cross-site|Origin: https://evil.example", acts(60, .5, func(i int) act { return guess("/login", i, 401) })))
	add(15, "plugins of WordPress", acts(40, .2, func(i int) act {
		return act{target: "/wp-content/plugins/" + scanWords[i%len(scanWords)] + "/readme.txt", status: 404}
	}))
	add(15, "files with secrets in many folders", acts(40, .2, func(i int) act {
		return act{target: "/" + scanWords[i%len(scanWords)] + "/" + []string{".env", ".git/config", ".aws/credentials"}[i%3], status: 404}
	}))
	add(15, "archives named after what a site may be called", acts(40, .2, func(i int) act {
		return act{target: "/" + scanWords[i%len(scanWords)] + []string{".zip", ".tar.gz", ".sql", ".bak"}[i%4], status: 404}
	}))
	add(15, "words with a picture's ending behind a script", acts(40, .2, func(i int) act { return act{target: "/" + scanWords[i%len(scanWords)] + ".php/a.jpg", status: 404} }))
	add(15, "a search that claims to be what pages embed", sending("Sec-Fetch-Site: same-origin|Sec-Fetch-Dest: image", acts(40, .2, func(i int) act { return act{target: "/" + scanWords[i%len(scanWords)], status: 404} })))
	add(15, "a search that claims to prefetch", sending("Sec-Purpose: prefetch", acts(40, .2, func(i int) act { return act{target: "/" + scanWords[i%len(scanWords)], status: 404} })))
	add(15, "a search by POST", acts(40, .2, func(i int) act { return act{target: "/" + scanWords[i%len(scanWords)], body: "x=1", status: 404} }))
	add(15, "a search with credentials that nobody asks for", sending(basicOf("a", "b"), acts(40, .2, func(i int) act { return act{target: "/" + scanWords[i%len(scanWords)], status: 404} })))
	add(46, "a search that reads a page for each that is missing", acts(80, .2, func(i int) act {
		if i%2 == 0 {
			return ok("/news/" + word(i))
		}
		return act{target: "/" + scanWords[i/2%len(scanWords)], status: 404}
	}))
	add(50, "numbers of invoices of others, refused", acts(80, .2, func(i int) act { return act{target: fmt.Sprint("/invoice/", 4000+i), status: 403} }))
	return all
}

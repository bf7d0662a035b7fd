package detect

import (
	"fmt"
	"slices"
)

// honestPeople are what people do who log in, sign up, write, and look after a site. None
// of them is a recording.
func honestPeople() []conduct {
	var all []conduct
	add := func(name string, acts ...[]act) { all = append(all, conduct{name, slices.Concat(acts...)}) }
	const own = "Sec-Fetch-Site: same-origin|Sec-Fetch-Mode: cors|Sec-Fetch-Dest: empty|Accept: */*|Accept-Language: de"
	const htmlForm = `<form method="post"><input name="user"><input type="password" name="password"></form>`
	add("OAuth: codes that were used twice or came late", acts(60, 1, func(i int) act {
		return form("/oauth/token", fmt.Sprintf("grant_type=authorization_code&client_id=app&client_secret=s3cret&redirect_uri=https%%3A%%2F%%2Fapp.example%%2Fcb&code=%s", digits(i, 22)), 400).saying(`{"error":"invalid_grant"}`).typed("application/json")
	}))
	add("OAuth: televisions wait for their user", acts(300, 1, func(i int) act {
		return form("/oauth/token", fmt.Sprintf("grant_type=urn%%3Aietf%%3Aparams%%3Aoauth%%3Agrant-type%%3Adevice_code&client_id=tv&device_code=%s", digits(i%8, 30)), 400).saying(`{"error":"authorization_pending"}`).typed("application/json")
	}))
	add("OIDC: silent login in frames, login_required", sending("Sec-Fetch-Site: same-site|Sec-Fetch-Dest: iframe", by(chrome, acts(60, 60, func(i int) act {
		return act{target: fmt.Sprintf("/authorize?client_id=app%d&prompt=none&state=%s", i%14, digits(i, 8)), status: 302, location: "https://app.example/silent?error=login_required&state=" + digits(i, 8)}
	}))))
	add("OIDC clients of many applications, prompt=none, each its path", by(chrome, acts(30, 1, func(i int) act {
		return act{target: fmt.Sprintf("/realms/%s/protocol/openid-connect/auth?prompt=none&state=%s", word(i), digits(i, 8)), status: 302, location: "https://" + word(i) + ".example/cb?error=login_required"}
	})))
	add("Kerberos: each request is refused once", by(chrome, acts(200, 0.1, func(i int) act {
		if i%2 == 0 {
			return act{target: "/intranet/" + word(i), status: 401, auth: "Negotiate"}
		}
		return act{target: "/intranet/" + word(i-1), status: 200, header: "Authorization: Negotiate YII" + digits(i, 60), kind: "text/html", size: 5000 + int64(i)*311}
	})))
	add("NTLM handshakes, and one wrong", by("Microsoft Office/16.0 (Windows NT 10.0; MAPI 16.0)", acts(200, 0.2, func(i int) act {
		return act{method: "POST", target: "/EWS/Exchange.asmx", status: []int{401, 401, 200}[i%3], header: []string{"", "Authorization: NTLM TlRMTVNTUAAB", "Authorization: NTLM TlRMTVNTUAAD" + digits(i, 20)}[i%3], auth: "NTLM"}
	})))
	add("API client whose new tokens are refused, too", by("okhttp/5.1.0", acts(400, 2, func(i int) act {
		if i%2 == 0 {
			return form("/oauth/token", "grant_type=refresh_token&client_id=app&refresh_token=abc", 200).saying(`{"access_token":"` + digits(i, 40) + `"}`).typed("application/json")
		}
		return act{target: "/api/v1/items", status: 401, header: "Authorization: Bearer " + digits(i-1, 40), auth: "Bearer"}
	})))
	add("mobile app with an old token, an hour", by("MyApp/5.2 (Android 16)", acts(720, 5, func(i int) act {
		return act{target: "/api/" + []string{"me", "config", "notifications", "settings", "users/me", "messages", "status", "session"}[i%8], status: 401, header: "Authorization: Bearer " + digits(1, 40)}
	})))
	add("mobile app refreshes a session that has ended, at a path of logins", by("MyApp/5.2 (Android 16)", acts(300, 2, func(i int) act {
		a := form("/api/login/token", `{"refreshToken":"abc"}`, 401).js()
		return a
	})))
	add("mobile app resumes a session by POST /auth/login/session", by("MyApp/5.2 (Android 16)", acts(60, 5, func(i int) act {
		return form("/auth/login/session", `{"deviceId":"d1","sessionToken":"zzz"}`, 401).js()
	})))
	add("GraphQL: batches, one login among them", by(chrome, sending(own, acts(120, 1, func(i int) act {
		if i%10 == 0 {
			return form("/graphql", `[{"operationName":"Login","query":"mutation Login($u:String!,$p:String!){login(user:$u,password:$p){token}}","variables":{"u":"p`+fmt.Sprint(i)+`","p":"right"}},{"query":"{me{id}}"}]`, 200).js().saying(`[{"data":{"login":{"token":"abcdefabcdef"}}}]`).typed("application/json")
		}
		return form("/graphql", `[{"query":"{item(id:1){name}}"},{"query":"{user(password:true){id}}"}]`, 200).js().saying(`[{"data":null,"errors":[{"message":"not found"}]}]`).typed("application/json")
	}))))
	add("forgotten password: a manager and memory, nine tries in two minutes, success", acts(9, 11, func(i int) act {
		return form("/login", fmt.Sprint("user=anna&password=variant", i), 401)
	}), []act{form("/login", "user=anna&password=right", 302).to("/").session()})
	add("CGNAT: 300 people at lunch, one in nine mistypes once", mixed(acts(338, 0.9, func(i int) act {
		if i%9 == 0 {
			return form("/login", fmt.Sprintf("email=p%d%%40x.example&password=wrong%d", i+1, i), 200).saying(htmlForm).typed("text/html")
		}
		return form("/login", fmt.Sprintf("email=p%d%%40x.example&password=right%d", i, i), 302).to("/home").session()
	}), acts(338, 0.9, func(i int) act {
		if i%9 == 0 {
			return ok("/login")
		}
		a := ok("/p/" + word(i%60))
		a.header = "Cookie: session=abc"
		return a
	})))
	add("class of 30 joins, nine mistype the code", acts(39, 4, func(i int) act {
		if i%4 == 0 && i < 36 {
			return form("/join", fmt.Sprintf(`{"code":"%06d","nickname":"p%d"}`, 100000+i*7919, i), 404).js()
		}
		return form("/join", fmt.Sprintf(`{"code":"482913","nickname":"p%d"}`, i), 200).js()
	}))
	add("class of 30 signs up, invitation codes wrong", acts(30, 6, func(i int) act {
		return form("/register", fmt.Sprintf("name=p%d&email=p%d%%40school.example&password=pw%d&invite_code=AB%d", i, i, i, i), 422)
	}))
	for _, p := range []string{"/users", "/api/accounts", "/account/create", "/join", "/api/auth/create-account", "/enroll", "/customer/account/createpost/", "/api/v1/users/new", "/inscription", "/registrieren", "/create-account"} {
		add("sign-ups of 20 people in a workshop, refused once: "+p, acts(40, 5, func(i int) act {
			a := form(p, fmt.Sprintf(`{"name":"p%d","email":"p%d@x.example","password":"pw%d"}`, i/2, i/2, i), []int{422, 201}[i%2]).js()
			return a
		}))
		add("sign-ups by a form, redirected back with an error: "+p, acts(30, 6, func(i int) act {
			return form(p, fmt.Sprintf("name=p%d&email=p%d&password=pw%d", i, i, i), 302).to(p)
		}))
	}
	add("admin saves SMTP settings eight times", sending(own, by(chrome, acts(8, 20, func(i int) act {
		return form("/admin/settings/mail", fmt.Sprintf("smtp_host=a&smtp_user=mailer&smtp_password=try%d", i), 302).to("/admin/settings/mail")
	}))))
	add("admin saves a settings page with a password field 40 times", sending(own, by(chrome, acts(40, 5, func(i int) act {
		return form("/admin/settings/mail", fmt.Sprintf("smtp_host=a%d&smtp_user=mailer&smtp_password=same&x=%d", i, i), 302).to("/admin/settings/mail")
	}))))
	add("admin makes 40 accounts with start passwords, redirected to the list", sending(own, by(chrome, acts(40, 25, func(i int) act {
		return form("/admin/users", fmt.Sprintf("username=p%d&email=p%d&password=start%d", i, i, i), 302).to("/admin/users")
	}))))
	add("admin makes 40 accounts, JSON 201", sending(own, by(chrome, acts(40, 5, func(i int) act {
		return form("/api/users", fmt.Sprintf(`{"username":"p%d","password":"start%d"}`, i, i), 201).js().saying(`{"id":7}`).typed("application/json")
	}))))
	add("admin makes 40 accounts, the same page again with 200", sending(own, by(chrome, acts(40, 25, func(i int) act {
		return form("/admin/users/add", fmt.Sprintf("username=p%d&email=p%d&password=start%d", i, i, i), 200).saying(htmlForm).typed("text/html")
	}))))
	add("admin imports accounts, a third refused", sending(own, by(chrome, acts(60, 1, func(i int) act {
		return form("/api/admin/users", fmt.Sprintf(`{"username":"p%d","password":"start%d"}`, i, i), []int{201, 201, 409, 422}[i%4]).js()
	}))))
	add("owner adds cameras with the same name and other passwords, half of them not valid", by(chrome, acts(40, 4, func(i int) act {
		return form("/api/cameras", fmt.Sprintf(`{"host":"10.0.0.%d","username":"admin","password":"cam%d"}`, i, i), []int{201, 400}[i%2]).js()
	})))
	add("owner sets up sources of data for root, made, changed and refused", by(chrome, acts(20, 7, func(i int) act {
		return form("/api/v1/datasources", fmt.Sprintf(`{"url":"mysql://db%d","user":"root","password":"pw%d"}`, i, i), []int{201, 200, 422, 400}[i%4]).js()
	})))
	add("helpdesk sets passwords of 25 people", sending(own, by(chrome, acts(25, 15, func(i int) act {
		return form(fmt.Sprintf("/admin/users/%d/password", i), fmt.Sprintf("user=p%d&password=start%d", i, i), 302).to("/admin/users")
	}))))
	add("helpdesk edits 25 people, password field filled", sending(own, by(chrome, acts(25, 15, func(i int) act {
		return form(fmt.Sprintf("/admin/users/%d/edit", i), fmt.Sprintf("user=p%d&email=p%d&password=start%d", i, i, i), 302).to(fmt.Sprintf("/admin/users/%d/edit", i))
	}))))
	add("router: Wi-Fi settings with passphrases", sending(own, by(chrome, acts(10, 15, func(i int) act {
		return form("/cgi-bin/wireless", fmt.Sprintf("name=home&ssid=x&passphrase=p%d", i), 200).saying(htmlForm).typed("text/html")
	}))))
	add("database connections are tried in a BI tool", sending(own, by(chrome, acts(10, 15, func(i int) act {
		return form("/api/database/validate", fmt.Sprintf(`{"engine":"postgres","details":{"host":"db","user":"bi","password":"p%d"}}`, i), 400).js().saying(`{"message":"password authentication failed"}`).typed("application/json")
	}))))
	add("phpMyAdmin at work", sending(own, by(chrome, []act{form("/phpmyadmin/index.php?route=/", "route=/&pma_username=root&pma_password=right&server=1&token=x", 302).to("/phpmyadmin/index.php?route=/&lang=de").session()},
		acts(80, 4, func(i int) act {
			if i%3 == 0 {
				return act{target: "/phpmyadmin/index.php?route=/table/sql&db=shop&table=" + word(i), status: 200, kind: "text/html", size: 9000 + int64(i)*97}
			}
			return form("/phpmyadmin/index.php?route=/"+[]string{"sql", "import", "table/replace"}[i%3], fmt.Sprintf("ajax_request=true&db=shop&user=root&sql_query=UPDATE+users+SET+password%%3D%%27x%d%%27+--+../../etc/passwd&fields%%5Bmulti_edit%%5D%%5B0%%5D%%5Bpassword%%5D=h%d&fields%%5Busername%%5D=p%d", i, i, i), 200).saying(`{"success":true}`).typed("application/json")
		}))))
	add("Adminer edits people", sending(own, by(chrome, acts(30, 12, func(i int) act {
		target := fmt.Sprintf("/adminer.php?server=db&username=root&db=shop&edit=users&where%%5Bid%%5D=%d", i)
		return form(target, fmt.Sprintf("fields%%5Bname%%5D=p%d&fields%%5Bemail%%5D=p%d&fields%%5Bpassword%%5D=h%d&insert=&save=1", i, i, i), 302).to("/adminer.php?server=db&username=root&db=shop&select=users")
	}))))
	add("author of a CMS writes about security, preview and autosave", sending(own, by(chrome, acts(60, 10, func(i int) act {
		return form("/admin/posts/7/preview", `{"title":"SQL","body":"<script>alert(1)</script>' OR 1=1; cat /etc/passwd; password: x","user":"a"}`, []int{200, 422}[i%2]).js()
	}))))
	add("members' club: a visitor clicks what is for members", sending("Sec-Fetch-Site: same-origin|Sec-Fetch-Mode: navigate|Sec-Fetch-User: ?1|Sec-Fetch-Dest: document", by(fox, acts(14, 8, func(i int) act { return act{target: "/" + word(i), status: 403} }))))
	add("3-D Secure comes back, POST by the bank", sending("Origin: https://acs.bank.example|Sec-Fetch-Site: cross-site|Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: document", acts(40, 20, func(i int) act {
		return form("/checkout/3ds/callback", "PaRes="+digits(i, 200)+"&MD="+digits(i, 20)+"&code=1234", []int{302, 403, 400}[i%3]).to("/checkout/thanks")
	})))
	add("gift cards and coupons at an office", acts(14, 20, func(i int) act { return form("/cart/apply-gift-card", "giftcard_code=GC"+digits(i, 8), 422) }))
	add("magic links and identifier first, by a company", acts(40, 5, func(i int) act {
		return form("/login", fmt.Sprintf(`{"email":"p%d@x.example"}`, i), []int{200, 401, 422}[i%3]).js()
	}))
	add("passkeys: cancelled and tried again", sending(own, by(chrome, acts(12, 9, func(i int) act {
		return form("/webauthn/login/finish", `{"id":"`+digits(i, 20)+`","response":{"signature":"`+digits(i, 60)+`"}}`, 400).js()
	}))))
	add("forms left open over night: CSRF 403, then right", acts(40, 8, func(i int) act {
		if i%2 == 0 {
			return form("/login", fmt.Sprintf("user=p%d&password=right%d&csrf=old", i/2, i/2), []int{403, 419}[i/2%2])
		}
		return form("/login", fmt.Sprintf("user=p%d&password=right%d&csrf=new", i/2, i/2), 302).to("/").session()
	}))
	add("invitations that a mail filter has opened before", by(chrome, acts(60, 20, func(i int) act { return act{target: "/invite/" + digits(i, 24), status: 410} })))
	add("Tor: strangers behind one exit read, mistype, and miss", sending("Accept-Language: en-US", by("Mozilla/5.0 (Windows NT 10.0; rv:128.0) Gecko/20100101 Firefox/128.0", acts(200, 4, func(i int) act {
		switch i % 25 {
		case 7:
			return act{target: "/" + word(i), status: 404}
		case 13:
			return form("/login", fmt.Sprintf("user=t%d&password=x", i), 401)
		}
		return ok("/p/" + word(i))
	}))))
	add("developer with curl and a page at localhost:3000", sending("Origin: http://localhost:3000|Referer: http://localhost:3000/", by(chrome, acts(30, 4, func(i int) act {
		return act{target: "/api/" + []string{"users", "user", "me", "login", "auth", "session", "items", "v1/items", "health", "config", "docs", "test", "search", "upload", "debug"}[i%15], status: []int{404, 401, 422, 405}[i%4]}
	}))), by("curl/8.14.1", acts(15, 12, func(i int) act {
		return act{target: "/api/" + []string{"users", "user", "me", "login", "auth", "session", "items", "v1/items", "health", "config", "docs", "test", "search", "upload", "debug"}[i%15], status: []int{404, 401, 422, 405}[i%4]}
	})))
	add("a screen reader's user goes through all links of a page", by(chrome, sending("Sec-Fetch-Site: same-origin|Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: document", acts(60, 12, func(i int) act {
		if i%6 == 5 {
			return act{target: "/" + word(i), status: 404}
		}
		return ok("/" + word(i))
	}))))
	return all
}

// typed returns the act with a content type of its answer.
func (a act) typed(kind string) act { a.kind = kind; return a }

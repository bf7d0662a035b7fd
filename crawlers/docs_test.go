package crawlers

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/internal/golden"
)

var update = flag.Bool("update", false, "write docs/crawlers.md")

// crawlersPage is docs/crawlers.md.
func crawlersPage() string {
	var b strings.Builder
	b.WriteString("# Crawlers\n\n" +
		"Made from [crawlers/bots.go](../crawlers/bots.go) by `go test ./crawlers -run TestTheListOfCrawlers -update`: change that file, not this one.\n\n" +
		"Tocsin does not stop a search engine, even if it misbehaves. If a scenario raises an alert about a client whose user agent has one of the words below, tocsin\n" +
		"verifies it by DNS: its address must have a name in one of the domains, and that name must have this address. Tocsin remembers the result for half a day. No\n" +
		"request waits for it. If DNS does not answer, the client gets a challenge at most. `crawlers off` verifies no client and asks no DNS server.\n\n" +
		"| crawler | words in its user agent | its domains |\n|---|---|---|\n")
	for _, bot := range Known() {
		domains := strings.Join(bot.Domains, ", ")
		if domains == "" {
			domains = "none: only a `list` of its addresses verifies it"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", bot.Name, strings.Join(bot.Agents, ", "), domains)
	}
	b.WriteString("\nA file with addresses verifies a crawler without DNS. It may be JSON as the operator of the crawler publishes it, or have one address or range on each line:\n\n" +
		"```caddyfile\n{\n\ttocsin {\n\t\tblocklist /etc/tocsin/blocklist.txt\n\t\tcrawlers on {\n\t\t\tlist DuckDuckBot /etc/tocsin/duckduckbot.json\n\t\t}\n\t}\n}\n\n" +
		"example.com {\n\ttocsin\n\treverse_proxy localhost:9000\n}\n```\n")
	return b.String()
}

func TestTheListOfCrawlersIsUpToDate(t *testing.T) {
	golden.File(t, "../docs/crawlers.md", crawlersPage(), *update, "go test ./crawlers -run TestTheListOfCrawlers -update")
}

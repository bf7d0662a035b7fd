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
		"A search engine that misbehaves is not stopped if it is the one that it claims to be. A client that a scenario alerts of, and whose user agent has one of the\n" +
		"words below, is checked: its address has a name by DNS in one of the domains, and that name has this address. What DNS says is remembered for half a day. No\n" +
		"request waits for it. Where DNS does not answer, the client has to solve a challenge at most. `crawlers off` believes nobody and asks no DNS server.\n\n" +
		"| crawler | words in its user agent | its domains |\n|---|---|---|\n")
	for _, bot := range Known() {
		domains := strings.Join(bot.Domains, ", ")
		if domains == "" {
			domains = "none: it counts once there is a `list` of its addresses"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", bot.Name, strings.Join(bot.Agents, ", "), domains)
	}
	b.WriteString("\nA file with addresses proves a claim without DNS. It may be JSON as the crawler's operator publishes it, or have one address or range to a line:\n\n" +
		"```caddyfile\n{\n\ttocsin {\n\t\tblocklist /etc/tocsin/blocklist.txt\n\t\tcrawlers on {\n\t\t\tlist DuckDuckBot /etc/tocsin/duckduckbot.json\n\t\t}\n\t}\n}\n\n" +
		"example.com {\n\ttocsin\n\treverse_proxy localhost:9000\n}\n```\n")
	return b.String()
}

func TestTheListOfCrawlersIsUpToDate(t *testing.T) {
	golden.File(t, "../docs/crawlers.md", crawlersPage(), *update, "go test ./crawlers -run TestTheListOfCrawlers -update")
}

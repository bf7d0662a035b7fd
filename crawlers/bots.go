package crawlers

import (
	"errors"
	"fmt"
	"strings"
)

// A Bot describes a crawler.
type Bot struct {
	// Name is the name of the bot in the config and in the log.
	Name string
	// Agents are words of which its user agents contain at least one, in any case. They
	// match whole words only: Googlebot matches Googlebot-Image/1.0, but not
	// MyGooglebot.
	Agents []string
	// Domains are the domains of the DNS names of its addresses. With a star in its
	// first label, such as crawl-*.example.com, it is a pattern of the names
	// themselves. The star stands for one or more characters except dots. Without
	// domains, only a list of addresses can verify the bot.
	Domains []string
}

// Known returns the crawlers that a Checker knows by default, as their operators
// document them. Those without a domain need a list of their addresses.
func Known() []Bot {
	all := []Bot{
		// https://developers.google.com/crawling/docs/crawlers-fetchers/verifying-googlebot
		// Of the domains there, only those of crawlers: behind google-proxy-*.google.com
		// and gae.googleusercontent.com are tools that fetch what any user asks
		// them for, and some of them pass the user's own agent on.
		{"Googlebot", []string{
			"Googlebot", "GoogleOther", "Google-InspectionTool", "Storebot-Google", "Google-CloudVertexBot",
		}, []string{"googlebot.com"}},
		{"Google special crawlers", []string{
			"AdsBot-Google", "Mediapartners-Google", "APIs-Google", "Google-Safety",
		}, []string{"rate-limited-proxy-*.google.com"}},
		// https://www.bing.com/webmasters/help/how-to-verify-bingbot-3905dc26
		{"bingbot", []string{"bingbot", "msnbot", "adidxbot", "BingPreview"}, []string{"search.msn.com"}},
		// https://support.apple.com/en-us/119829
		{"Applebot", []string{"Applebot"}, []string{"applebot.apple.com"}},
		// https://yandex.com/support/webmaster/robot-workings/check-yandex-robots.html
		{"YandexBot", []string{
			"YandexBot", "YandexAccessibilityBot", "YandexBlogs", "YandexFavicons", "YandexImageResizer", "YandexImages",
			"YandexMedia", "YandexMetrika", "YandexMobileBot", "YandexRenderResourcesBot", "YandexVideo", "YandexWebmaster",
		}, []string{"yandex.ru", "yandex.net", "yandex.com"}},
		// https://help.baidu.com/question?prod_id=99&class=0&id=3001
		{"Baiduspider", []string{"Baiduspider"}, []string{"baidu.com", "baidu.jp"}},
		// https://help.qwant.com/bot/
		{"Qwantbot", []string{"Qwantbot", "Qwantify"}, []string{"qwantbot-*.qwant.com"}},
		// https://aspiegel.com/petalbot
		{"PetalBot", []string{"PetalBot"}, []string{"petalsearch.com", "aspiegel.com"}},
		// https://napoveda.seznam.cz/en/seznambot-crawler
		{"SeznamBot", []string{"SeznamBot"}, []string{"fulltextrobot-*.seznam.cz"}},
		// https://developer.amazon.com/amazonbot
		{"Amazonbot", []string{"Amazonbot"}, []string{"crawl.amazonbot.amazon"}},
		// https://commoncrawl.org/ccbot
		{"CCBot", []string{"CCBot"}, []string{"crawl.commoncrawl.org"}},
		// https://help.pinterest.com/en/business/article/pinterest-crawler
		{"Pinterestbot", []string{"Pinterestbot"}, []string{"pinterest.com"}},
		// http://www.ysearchblog.com/2007/06/05/yahoo-search-crawler-slurp-has-a-new-address-and-signature-card/
		{"Slurp", []string{"Slurp"}, []string{"crawl.yahoo.net"}},
	}
	return append(all, knownByAddress()...)
}

// knownByAddress returns the crawlers without a domain: only a list of addresses verifies
// them.
func knownByAddress() []Bot {
	return []Bot{
		// https://duckduckgo.com/duckduckgo-help-pages/results/duckduckbot
		// Addresses only: duckduckgo.com/duckduckbot.json.
		{"DuckDuckBot", []string{"DuckDuckBot"}, nil},
		// https://developers.facebook.com/docs/sharing/webmasters/web-crawlers
		// Addresses only: the routes of AS32934, as whois prints them.
		{"facebookexternalhit", []string{"facebookexternalhit", "facebookcatalog", "meta-externalagent"}, nil},
	}
}

// A bot is a valid Bot.
type bot struct {
	name    string
	domains []domain
	ranges  ranges
}

func (b *bot) hasDomain() bool { return len(b.domains) > 0 }

func (b *bot) owns(host string) bool {
	for _, d := range b.domains {
		if d.has(host) {
			return true
		}
	}
	return false
}

// compile checks b.
func (b *Bot) compile() (*bot, error) {
	if len(b.Agents) == 0 {
		return nil, errors.New("it has no agents: want at least one word of its user agent")
	}
	for _, agent := range b.Agents {
		if !isAgent(agent) {
			return nil, fmt.Errorf("agent %q: want a word of up to %d letters, digits, dots, underscores and hyphens", agent, maxWord)
		}
	}
	compiled := &bot{name: b.Name}
	for _, text := range b.Domains {
		d, err := newDomain(text)
		if err != nil {
			return nil, err
		}
		compiled.domains = append(compiled.domains, d)
	}
	return compiled, nil
}

// A domain is a parsed domain or pattern.
type domain struct {
	prefix, suffix string // around the star; without a star the prefix is empty
	star           bool
}

func newDomain(text string) (domain, error) {
	label, parent, dotted := strings.Cut(text, ".")
	prefix, rest, star := strings.Cut(label, "*")
	host := strings.Replace(label, "*", "x", 1) + "." + parent
	if clean, ok := hostname(host); !ok || clean != strings.ToLower(host) || !dotted || star && !strings.Contains(parent, ".") {
		return domain{}, fmt.Errorf("domain %q: want one such as crawl.example.com or crawl-*.example.com", text)
	}
	if star {
		return domain{strings.ToLower(prefix), strings.ToLower(rest + "." + parent), true}, nil
	}
	return domain{suffix: strings.ToLower(text)}, nil
}

// has reports whether host, a result of hostname, is in d.
func (d *domain) has(host string) bool {
	if d.star {
		middle, ok := strings.CutPrefix(host, d.prefix)
		if !ok {
			return false
		}
		middle, ok = strings.CutSuffix(middle, d.suffix)
		return ok && middle != "" && !strings.Contains(middle, ".")
	}
	sub, ok := strings.CutSuffix(host, d.suffix)
	return ok && (sub == "" || strings.HasSuffix(sub, "."))
}

// hostname returns a name from DNS in lower case and without the dot at its end, and
// whether it is a valid host name. Others may be dangerous: for a resolver written in
// C, a zero byte is the end.
func hostname(name string) (string, bool) {
	name = strings.TrimSuffix(name, ".")
	if name == "" || len(name) > maxHost || name[0] == '.' || strings.HasSuffix(name, ".") || strings.Contains(name, "..") {
		return "", false
	}
	for i := range len(name) {
		if c := name[i]; !isWord(c) && c != '-' && c != '.' || c >= 0x80 {
			return "", false
		}
	}
	return strings.ToLower(name), true
}

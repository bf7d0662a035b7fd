package builtin

// Parts of patterns of scripts in pages.
const (
	// call is what attacks call to show that they can, or to take something away.
	call  = `(?:` + calls + `|` + reads + `)`
	calls = `(?:(?:alert|confirm|prompt|print|eval|atob|import|fetch|settimeout|setinterval|function|require|open|write|postmessage|sendbeacon) ?(?:\(|` + "`" + `|&lpar;|\?\.)|on(?:error|load) ?= ?(?:alert|eval)|throw |=\W*(?:alert|confirm|prompt)\b|\[\]\[|\(\)=>|\$\.(?:get|post|ajax|getscript))`
	reads = `(?:document\.(?:cookie|domain|location|write|body)|document\[|window\[|window\.(?:location|name|open)|top\[|self\[|parent\[|this\[|globalthis|location ?[=.(\[]|localstorage|sessionstorage|string\.fromcharcode|xmlhttprequest|new image\b|innerhtml)`
	tags  = `(?:a|abbr|address|animate|animatetransform|applet|area|article|audio|b|base|bgsound|blink|body|br|button|canvas|custom|details|dialog|div|embed|font|form|frame|frameset|h\d|head|html|iframe|image|img|input|ins|isindex|keygen|link|marquee|math|menu|meta|object|p|picture|plaintext|s|script|select|set|source|span|style|summary|svg|table|td|template|textarea|title|track|u|ul|video|x|xml|xss)`
	on    = `on[a-z]+`
)

var scriptSigns = []sign{
	{crossSiteScripting, 10, inURL, spaced, `<[ /]*script\b[^>]*>.*` + call},
	{crossSiteScripting, 10, inURL, spaced, `<[ /]*script\b[^>]*[ /"']src ?= ?["']?(?:https?:|//|/\\|\\|data:|javascript:)`},
	{crossSiteScripting, 5, inURL, spaced, `<script\b[^>]*>.*</script`},
	{crossSiteScripting, 4, inURL, spaced, `<[ /]*script(?:[ />]|\z)`},
	{crossSiteScripting, 10, inURL, spaced, `<[a-z!?/:-]+[^<]*[ /"'` + "`" + `]` + on + ` ?=.*` + calls},
	{crossSiteScripting, 10, inURL, spaced, `<[a-z!?/:-]+[^<]*[ /"'` + "`" + `]` + on + ` ?=.*` + reads},
	{crossSiteScripting, 7, inURL, spaced, `<[a-z!?/:-]+[^<]*[ /"'` + "`" + `]` + on + ` ?= ?["'` + "`" + `]?[a-z(\[]`},
	{crossSiteScripting, 10, inURL, spaced, `<` + tags + `\b[^>]*(?:src|href|action|data|formaction|to|from|values|background|poster|content|srcdoc|code|codebase|dynsrc|lowsrc) ?= ?["'` + "`" + `]?[^\w"'<>]*(?:(?:java|vb|live)script ?:|data:(?:text/html|image/svg|application/x?html))`},
	{crossSiteScripting, 10, inURL, spaced, few + `["'` + "`" + `] ?/?>? ?[ /]*` + on + ` ?= ?.*` + call},
	{crossSiteScripting, 10, inURL, spaced, few + `["'` + "`" + `][ /]+[^<>]*[ /]` + on + ` ?= ?[^<>]*(?:alert|confirm|prompt|eval|fetch|document\.|location|window)`},
	{crossSiteScripting, 6, inURL, spaced, few + `["'` + "`" + `][ /]+(?:` + on + `|formaction) ?= ?["'` + "`" + `]?[a-z(\[].*(?://|["'` + "`" + `]|\))`},
	{crossSiteScripting, 10, inURL, spaced, `\A ?["'` + "`" + `]?(?:java|vb|live)script ?:.*(?:` + call + `|%0a|//|` + "`" + `)`},
	{crossSiteScripting, 4, inURL, spaced, `\A ?(?:java|vb|live)script ?:.*\(`},
	{crossSiteScripting, 8, inURL, spaced, `\A ?data: ?(?:text/html|image/svg\+xml|application/xhtml\+xml|text/xml|text/javascript)[^,]*,.*(?:<|;base64,|base64,pd94|phn2|phnj)`},
	{crossSiteScripting, 10, inURL, spaced, few + `["'` + "`" + `] ?[;,)}\]+*^|&<>?:/-]+ ?[({\[]*(?:var \w+=|if ?\(|new )?` + call},
	{crossSiteScripting, 8, inURL, spaced, `</(?:script|title|textarea|style|noscript|template|xmp|iframe)[ />].*<[a-z!/]`},
	{crossSiteScripting, 5, inURL, spaced, `<(?:iframe|object|embed|frameset|applet|math|isindex)[ /][^>]*=`},
	{crossSiteScripting, 6, inURL | notSearch, spaced, `<(?:(?:link|base)[^>]*href ?= ?["']?(?:https?:)?//|svg[ />])`},
	{crossSiteScripting, 6, inURL, spaced, `<meta[^>]*http-equiv ?= ?["']?refresh|<base[^>]*href ?= ?["']?(?:https?:)?//`},
	{crossSiteScripting, 4, inURL, spaced, `["'` + "`" + `] ?/?> ?<[a-z]`},
	{crossSiteScripting, 3, inURL, spaced, `(?:alert|confirm|prompt) ?(?:\(|` + "`" + `) ?[^)` + "`" + `]*(?:\)|` + "`" + `)`},
	{crossSiteScripting, 4, inURL, spaced, `document\.(?:cookie|domain|write)|string\.fromcharcode|srcdoc ?=|-moz-binding|\bexpression ?\(`},
	{crossSiteScripting, 6, inURL, spaced, `<style\b[^>]*>.*(?:javascript:|expression ?\(|@import)`},
	{crossSiteScripting, 6, inURL, spaced, `\]\( ?javascript:.*` + calls},
	{crossSiteScripting, 8, inURL, spaced, `url ?\( ?["']?(?:java|vb)script:`},
	{crossSiteScripting, 8, inURL, spaced, `\+adw-`},
	{crossSiteScripting, 3, inURL, spaced, `<!(?:doctype|entity|\[cdata\[)|<\?xml`},

	{crossSiteScripting, 10, inBody, spaced, `\A[^\s<>"'` + "`" + `]*["'` + "`" + `] ?/?> ?<[a-z][^>]*.*` + call},
	{crossSiteScripting, 10, inBody, spaced, `\A[^\s<>"'` + "`" + `]*["'` + "`" + `][ /]+` + on + ` ?= ?.*` + call},
	{crossSiteScripting, 8, inBody, spaced, `\A[^\s<>"'` + "`" + `]*["'` + "`" + `] ?[;,)}+*^|&-]+ ?(?:alert|confirm|prompt|eval|fetch|document\.cookie)\W`},
	{crossSiteScripting, 6, inBody, spaced, few + `<(?:script|svg|img|iframe|body|video|audio|details|input|marquee|object|embed|select|math|style|a|div|x|image|button|form|textarea)\b[^>]*[ /"']` + on + ` ?= ?["'` + "`" + `]?[^>]*(?:(?:alert|confirm|prompt|eval) ?(?:\(|` + "`" + `)|document\.(?:cookie|domain|location)|string\.fromcharcode|atob ?\(|=\W*(?:alert|confirm|prompt)\b)`},
	{crossSiteScripting, 6, inBody, spaced, few + `<script\b[^>]*> ?(?:[^<]*\W)?(?:(?:alert|confirm|prompt) ?(?:\(|` + "`" + `)|document\.(?:cookie|domain)|eval ?\( ?(?:atob|string))`},
	{crossSiteScripting, 6, inBody, spaced, `\A ?(?:java|vb|live)script ?:.*(?:(?:alert|confirm|prompt|eval) ?(?:\(|` + "`" + `)|document\.(?:cookie|domain)|string\.fromcharcode)`},
	// Markdown of code.
	{crossSiteScripting, -6, inBody, spaced, "`<"},
	{crossSiteScripting, 2, inBody, spaced, `<[a-z][^>]*[ /"']` + on + ` ?=|<script\b|(?:href|src) ?= ?["']? ?javascript:`},
	{crossSiteScripting, 8, inBody, spaced, `\+adw-script`},
	{crossSiteScripting, 8, inFile, spaced, `<[a-z][^>]*[ /"']` + on + ` ?=|<script|javascript:`},
}

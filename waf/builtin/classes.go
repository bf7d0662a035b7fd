package builtin

import (
	"slices"

	"github.com/tocsin-project/tocsin/waf"
)

// An about says what a class is, why its rules are as sure as they are, and what they
// leave alone. The documentation is made of it.
type about struct {
	class       class
	name        string
	confidences []waf.Confidence
	what        string
	why         string
	passes      string
}

// rule returns the name of a rule: tocsin/sql-injection, or that with -likely or -observe.
func (a *about) rule(c waf.Confidence) string {
	if c == waf.Certain {
		return "tocsin/" + a.name
	}
	return "tocsin/" + a.name + "-" + c.String()
}

func (a *about) has(c waf.Confidence) bool {
	return slices.Contains(a.confidences, c)
}

var anyConfidence = []waf.Confidence{waf.Certain, waf.Likely, waf.Observe}

var classes = []about{
	{
		sqlInjection, "sql-injection", anyConfidence, "SQL that breaks out of a value",
		"Certain are a quote, number or parenthesis followed by SQL that does something: a comparison that is always true, UNION SELECT with a list, a second statement, functions that wait or tell by errors. Likely are subqueries, ORDER BY with a number, and several weaker signs in one value.",
		"`union select committee`, `O'Brien; drop by`, whole statements as in a database console, SQL in prose and in documents",
	},
	{
		noSQLInjection, "nosql-injection",
		[]waf.Confidence{waf.Certain, waf.Likely},
		"operators or code for document databases in a value",
		"Certain is code in `$where`. Likely is a value that is nothing but an operator.",
		"`filters[price][$gt]=5`, a filter in JSON with names of fields",
	},
	{
		crossSiteScripting, "xss", anyConfidence, "scripts in values that a page may show",
		"In a URL, certain are tags and attributes with a handler or a script that calls something. In a body, where people post HTML on purpose, certain are only quotes that end an attribute before it, and likely is markup that is nothing but a call such as alert.",
		"posts with HTML, scripts and frames of an editor, `a<b and c>d`, `<script>` as a word, Markdown with code",
	},
	{
		pathTraversal, "path-traversal", anyConfidence, "paths that lead out of a folder, or to files of the system",
		"Certain are paths out of the root, dots or slashes beside them that are escaped more than once, and `../` to a known file. Likely are many `../` in a value that says where a file is.",
		"relative links in Markdown, `../img/a.png`, `/man5/etc/passwd` in a path, `/etc/passwd` in a search box",
	},
	{
		fileInclusion, "file-inclusion", anyConfidence, "files and streams for an application to include",
		"Certain are streams of PHP and options of its command line. Likely are URLs of scripts and texts in a value that says where a file is.",
		"`redirect_uri=https://…`, URLs of pictures and feeds, `data:image/png;base64,…`",
	},
	{
		commandInjection, "command-injection", anyConfidence, "commands behind a value",
		"Certain is a single word, a separator, and a command with what belongs to it; also functions of Shellshock. Likely are commands alone and short ones.",
		"`Tom & Jerry; cat food`, `salt|pepper`, shell snippets in prose and in documents",
	},
	{
		codeInjection, "code-injection", anyConfidence, "code of PHP, Java, Node or Python in a value",
		"Certain are calls that start programs, tags of PHP that call them, OGNL, and paths to constructors of objects. Likely are calls without what belongs to them.",
		"`System.out.println` in a ticket, a stack trace, code in a document",
	},
	{
		templateInjection, "template-injection", anyConfidence, "expressions for a template engine",
		"Certain are probes that multiply numbers, and names with two underscores. Likely are expressions that reach objects of the engine.",
		"`{{name}}`, `{% if user %}`, `${amount}`, `{{ price | money }}`",
	},
	{
		jndiLookup, "jndi",
		[]waf.Confidence{waf.Certain, waf.Observe},
		"lookups of log4j in a directory, however they are written",
		"Certain anywhere but in prose: nothing else has this form.",
		"`${HOME}`, `${VAR:-default}`, the word jndi, a log line in a bug report",
	},
	{
		serverSideRequest, "ssrf", anyConfidence, "URLs that only the server itself can reach",
		"Certain are the addresses at which clouds tell secrets, in any notation. Likely are other notations of loopback addresses, and gopher.",
		"`http://localhost:3000/callback`, URLs of webhooks and avatars",
	},
	{
		externalEntity, "xxe", anyConfidence, "XML that names other files",
		"Certain are entities with a file or a URL. Likely are entities of entities, and documents that include files.",
		"SVG with a DOCTYPE, XHTML, SOAP, feeds",
	},
	{
		deserialization, "deserialization", anyConfidence, "serialized objects of Java, PHP, .NET, Python and Ruby",
		"Certain are objects of classes that start something when they are read. Likely are other objects, where data is expected.",
		"JWT, base64 of pictures and keys, serialized arrays, a session of Rails",
	},
	{
		headerInjection, "header-injection",
		[]waf.Confidence{waf.Likely},
		"line ends and a header or a command in an argument",
		"Likely: some applications take several lines in an argument.",
		"texts of several lines, log lines and mails in a body",
	},
	{
		directoryInjection, "directory-injection",
		[]waf.Confidence{waf.Likely},
		"parts of filters of LDAP and XPath that break out of a value",
		"Likely: parentheses are rare in the values of such filters, but not impossible.",
		"`(&(objectClass=person)(uid=%s))`, `f(x)(y=2)`, `:)`",
	},
	{
		requestInBody, "request-smuggling",
		[]waf.Confidence{waf.Certain},
		"a body that is another request",
		"Certain: a body that begins with a request line is for a server that loses count.",
		"requests in a multipart batch, requests in prose",
	},
	{
		loginBatch, "login-batch",
		[]waf.Confidence{waf.Likely},
		"many attempts to log in, in one request",
		"Likely: eight calls of one kind that checks a secret are no client of a person.",
		"batches of GraphQL queries, one mutation with variables",
	},
	{
		prototypePollution, "prototype-pollution",
		[]waf.Confidence{waf.Certain},
		"an argument that reaches for the prototype of objects",
		"Certain: no field has such a name.",
		"the word prototype, `__proto` in a text, `constructor=Ferrari`",
	},
	{
		scriptUpload, "script-upload", anyConfidence, "files that a server may run, or that say what it runs, by their names",
		"Certain are names with something behind the ending that servers drop: a NUL, a point, a blank, a stream of NTFS. Likely are scripts and settings by any of their names: few people attach one, and a plugin is a zip.",
		"`plugin.zip`, `photo.jpg`; `functions.php.txt` and `index.php.png` are observed",
	},
	{
		unsignedToken, "unsigned-token",
		[]waf.Confidence{waf.Likely},
		"a JSON Web Token that says that it has no signature, as credentials",
		"Likely: no issuer gives out such tokens, but tests and demos use them.",
		"signed tokens; an unsigned one in an argument, such as `id_token_hint`",
	},
}

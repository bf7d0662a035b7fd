package builtin

// Parts of patterns of paths.
const (
	up = `\.\.[/\\]+`
	// guarded is a file that sites never serve, and attacks look for to see whether they can.
	guarded = `(?:etc[/\\]+\w|proc[/\\]+\w|var[/\\]+log|root[/\\]+\.|home[/\\]+\w+[/\\]+\.|usr[/\\]+local|win(?:dows|nt)[/\\]|boot\.ini|(?:web|meta)-inf|\.env|\.git[/\\]|\.ssh|\.aws|id_rsa|id_ed25519|wp-config\.php|web\.config|\.ht(?:access|passwd)|\.bash_history|appsettings\.json|database\.yml|win\.ini|cmd\.exe|bin[/\\](?:ba)?sh)`
	// known is one of those that nobody else has a reason to name alone.
	known    = `(?:etc[/\\]+(?:passwd|shadow)|proc[/\\]+(?:self|\d+)[/\\]+(?:environ|cmdline|maps|status|fd[/\\]\d+)|win(?:dows|nt)[/\\]+(?:win\.ini|system32[/\\].*|system\.ini)|boot\.ini|root[/\\]+\.(?:ssh|bash_history).*)`
	scripts  = `(?:php\d?|phtml|pht|phar|phps|jspx?|jspf|jsw|jsv|aspx?|ashx|asmx|ascx|asa|cer|cfml?|cgi|shtml|stm)`
	pathTail = `(?:\x00.*|[?#;].*|[/\\.]*)?\z`
)

var pathSigns = []sign{
	{pathTraversal, 10, inAll | inFile | inRaw, decoded, `\A[^\s<>"{]*(?:\A|[/\\=:;.])` + up + `(?:.*[/\\])?` + guarded},
	{pathTraversal, 10, inAll, spaced, few + `(?:\.\.+[/\\]+){2,}.*` + known},
	{pathTraversal, 10, inAll | inFile, decoded, `(?:\A|[/\\=])(?:\.{3,4}[/\\]{1,3}){2,}`},
	{pathTraversal, 10, inAll, decoded, `(?:\A|/)\.\.;/`},
	{pathTraversal, 10, inAll, decoded, `(?:\.\x00+\.\x00*[/\\]+){2}|(?:(?:0x2e){2}(?:0x2f|0x5c|[/\\])){2}|(?:\.\.(?:0x2f|0x5c)){2}`},
	{pathTraversal, 10, inTarget, decoded, `;/+(?:web|meta)-inf/`},
	{pathTraversal, 6, inTarget | notSearch, decoded, `\A[\w./\\:=@-]*(?:\A|[/\\=:])(?:\.\.[/\\]+){4,}\S*\z`},
	{pathTraversal, 6, inURL | inBody | asPath, decoded, `\A[\w./\\:=@-]*(?:\A|[/\\=:])(?:` + up + `){3,}\S*\z`},
	{pathTraversal, 2, inAll, decoded, `\A\S*(?:\A|[/\\=])` + up + `\S*\z`},
	// Sources name each other so.
	{pathTraversal, -8, inBody, decoded, `[./](?:tsx?|jsx?|mjs|vue|css|scss|less|mdx?|html?|png|svg|jpe?g|gif|json|ya?ml|go|py|rb|rs|java|kt|swift|hpp|cpp)\z`},
	{pathTraversal, 6, inFile, decoded, up},
	{pathTraversal, 6, inURL | inBody | asPath, decoded, `\A[\w./\\:-]+\x00(?:\.?\w{0,5})\z`},
	{pathTraversal, 10, inTarget | asPath, decoded, `\A(?:[a-z]:)?[/\\]+` + known + pathTail},
	{pathTraversal, 10, inBody | asPath, decoded, `\A(?:[a-z]:)?[/\\]+` + known + pathTail},
	{pathTraversal, 6, inURL | notSearch, decoded, `[>"'(=:\s][/\\]+` + known},
	{pathTraversal, 6, inURL | notSearch, decoded, `\A(?:[a-z]:)?[/\\]+` + known + pathTail},
	{pathTraversal, 4, inBody | inTarget, decoded, `\A(?:[a-z]:)?[/\\]+` + known + pathTail},
	{pathTraversal, 5, inTarget | asPath, decoded, `\A(?:[a-z]:)?[/\\]+` + guarded},
	{pathTraversal, 6, inBody | asPath, decoded, `\A<\w+>[/\\]+` + known},
	{pathTraversal, 8, inTarget | inBody, decoded, `\A[/\\]+(?:web|meta)-inf[/\\]+\w`},
	{pathTraversal, 4, inTarget | inBody | asPath, decoded, `\A[./\\]*` + up + `\S*\.` + scripts + `\z`},
	{pathTraversal, 6, inBody, decoded, `\A[\w:/.#-]*(?:\A|/)(?:\.\./+){4,}(?:etc|proc|root|windows)(?:/|\z)`},

	{fileInclusion, 10, inAll | notSearch, decoded, `\A\W{0,3}(?:php:[/\\]+(?:filter|input|fd|memory|temp|stdin)|expect:[/\\]{2}|data:(?:[/\\]*text/plain|[/\\]*application/octet-stream)?;?(?:base64)?,(?:pd9w|pd94bww|<\?)|phar:[/\\]{2}|glob:[/\\]{2}|compress\.(?:zlib|bzip2):[/\\]{2})`},
	{fileInclusion, 10, inAll, decoded, `\A\W*php:[/\\]+filter[/\\]+(?:read=|write=|convert\.|string\.|zlib\.|resource=)`},
	{fileInclusion, 10, inBody | inRaw, decoded, `(?:auto_(?:pre|ap)pend_file|allow_url_include) ?=\W*(?:data:|php://|expect:|https?:|/?(?:tmp|etc|proc|var|dev|home)/|1)`},
	{fileInclusion, 10, inTarget, decoded, `=php://(?:input|filter)|(?:auto_(?:pre|ap)pend_file|allow_url_(?:include|fopen)|disable_functions|open_basedir|suhosin\.simulation|cgi\.force_redirect) ?=`},
	{fileInclusion, 8, inAll, decoded, `\A(?:zip|rar|jar|netdoc|ogg|ssh2(?:\.\w+)?|dict|tftp):(?:[/\\]{2}|https?:).*(?:[#!%]|\.(?:php|phtml|jpe?g|txt|zip))`},
	{fileInclusion, 10, inAll, decoded, `\A(?:file|netdoc|local_file|view-source:file):[/\\]*(?:localhost|127\.0\.0\.1)?[/\\]*(?:[a-z]:[/\\]+)?(?:` + guarded + `)`},
	{fileInclusion, 6, inTarget | inBody, decoded, `\A(?:file|netdoc|local_file):[/\\]+(?:etc|proc|root)[/\\]*\z`},
	{fileInclusion, 7, inTarget | inBody | asPath, decoded, `\A(?:https?|ftps?|//|\\\\)\S+\.(?:txt|php\d?|phtml|inc|log|dat|gif|jpg|png|js)\?+(?:\w+=?)?\z`},
	{fileInclusion, 6, inTarget | asPath, decoded, `\A(?:https?|ftps?)://\S+\.(?:txt|php\d?|phtml|inc|jsp|asp)(?:\x00|#|\?|\z)`},
	{fileInclusion, 6, inTarget | inBody | asPath, decoded, `\A(?:https?|ftp)://\d+\.\d+\.\d+\.\d+(?::\d+)?/\S*\.(?:txt|php\d?|sh|pl|py|jsp|asp|xml|dtd|cgi|exe|ps1|war|jar|mar|dll|hta)`},
	{fileInclusion, 3, inTarget | asPath, decoded, `\A\\\\[\w.-]+\\`},

	{scriptUpload, 5, inFile, decoded, `\.` + scripts + `["']?\s*\z`},
	{scriptUpload, 5, inFile, decoded, `\.` + scripts + `["']\s*;`}, // the first of two names
	{scriptUpload, 5, inFile, decoded, `(?:^|[/\\"'=])(?:\.htaccess|\.htpasswd|\.user\.ini|web\.config)["']?\s*\z`},
	{scriptUpload, 10, inFile, decoded, `\.` + scripts + `(?:\x00|\n|::\$|;\.|/|\\|\s*\.+["']?\z|\s+\.)`},
	{scriptUpload, 3, inFile, decoded, `\.` + scripts + `\.\w+["']?\z`},
}

package builtin

// Parts of patterns of code.
const (
	phpCalls = `(?:system|exec|passthru|shell_exec|popen|proc_open|pcntl_exec|assert|eval|phpinfo|file_put_contents|fwrite|call_user_func(?:_array)?|create_function|base64_decode|gzinflate|str_rot13|readfile|show_source|highlight_file|file_get_contents|include|require|move_uploaded_file|print_r|var_dump|die|md5|getallheaders)`
	phpInput = `\$_(?:get|post|request|cookie|server|files)`
	template = `(?:\{\{|\{%|\$\{|#\{|<%|\*\{|@\{|\{php\}|~\{)`
	dunder   = `__(?:class|mro|base|bases|subclasses|globals|builtins|import|init|getattribute|getitem|code|func|self|dict|reduce)__`
	probe    = `(?:` + quote + `?[\d.]+` + quote + `? ?[*+/-] ?` + quote + `?[\d.]+` + quote + `?)`
)

var codeSigns = []sign{
	{codeInjection, 10, inURL, spaced, `<\?(?:php|=)?[ (]?.*` + phpCalls + `[ (/@"'` + "`" + `]`},
	{codeInjection, 8, inURL, spaced, `<\?(?:php\b|=)`},
	{codeInjection, 10, inBody | inRaw, spaced, `\A ?(?:gif8\d\w?;? ?)?<\?(?:php|=)? ?@?(?:` + phpCalls + `) ?\(? ?(?:@?` + phpInput + `|` + quote + `|base64_decode|getallheaders|\))`},
	{codeInjection, 10, inBody | inRaw, spaced, `\A ?<\?(?:php|=)? ?[^?]*(?:eval|assert|system|passthru|shell_exec|exec|popen) ?\( ?@?` + phpInput + `\[`},
	{codeInjection, 10, inRaw | inProse, spaced, `<\?(?:php|=)? ?@?(?:eval|assert|system|passthru|shell_exec|exec|popen|include) ?\( ?@?` + phpInput + `\[`},
	{codeInjection, 8, inURL, spaced, few + `(?:[;{}("'` + "`" + `]|\$\{|\A)@?\$?\{?@?(?:system|exec|passthru|shell_exec|popen|proc_open|pcntl_exec|assert|eval|phpinfo|file_put_contents|call_user_func(?:_array)?|create_function) ?\(.*\)`},
	{codeInjection, 8, inBody, spaced, `\A[\w.]*(?:['");}]+ ?;? ?|\$\{ ?@?|\{\$\{)(?:print ?\(?)?@?(?:system|exec|passthru|shell_exec|popen|assert|eval|phpinfo|file_put_contents) ?\(.*\)`},
	{codeInjection, 8, inBody, spaced, `\A ?@?(?:eval|assert|system|passthru|shell_exec|phpinfo) ?\((?:` + quote + `.*|base64_decode.*|` + phpInput + `.*)?\) ?;? ?\z`},
	{codeInjection, 8, inURL | inBody, spaced, few + `(?:require ?\( ?\\?` + quote + `(?:node:)?(?:child_process|fs|os|net|vm)\\?` + quote + `|process\.(?:mainmodule|binding|env\b|exit)|global\.process|child_process['"]?\)?\.(?:exec|spawn)|\.execsync ?\(|spawnsync ?\()`},
	{codeInjection, 8, inURL | inBody, spaced, few + `(?:__import__ ?\( ?` + quote + `\w+|os\.(?:system|popen|execl?) ?\(|subprocess\.(?:popen|call|run|check_output|getoutput) ?\(|pty\.spawn|eval ?\( ?compile|exec ?\( ?` + quote + `import|importlib)`},
	{codeInjection, 10, inURL | inBody, spaced, few + `(?:getruntime ?\( ?\) ?\.? ?exec|\bt ?\( ?java\.|java\.lang\.(?:runtime|processbuilder)\b|new java\.(?:lang|net|io|util)\.|javax\.script\.scriptenginemanager|class\.forname ?\(|ognl\.\w+context|@java\.lang\.\w+@|#_?memberaccess|#context\b|xwork\.methodaccessor|com\.opensymphony\.xwork2|groovy\.(?:lang|util)\.|` + quote + `\.execute ?\( ?\))`},
	{codeInjection, 10, inHeader | inTarget, spaced, `[%$]\{ ?\( ?#\w|\( ?#_? ?=|(?:redirect|action|redirectaction): ?[%$]\{`},
	{codeInjection, 6, inHeader, spaced, `\A ?[%$]\{.*\}`},
	{codeInjection, 6, inURL | inBody, spaced, few + `(?:system\.diagnostics\.process|process\.start ?\(|reflection\.assembly|activator\.createinstance|kernel\.(?:exec|system|open)|io\.popen|%x[({\[]|open3\.|` + quote + ` ?\+ ?system ?\()`},
	{codeInjection, 10, inAll, spaced, `<!--#(?:exec|include|echo|printenv|config|set) `},
	{codeInjection, 8, inAll, spaced, `(?:=|\A)[\w.]*(?:\$1|\$\d|\$@|:|\.)(?:__proto__|constructor):?(?:\.?constructor|:then|:constructor|\[|\.)`},
	{codeInjection, 10, inAll, spaced, `[:.\[]["']?(?:__proto__["'\]]*[:.\[]|constructor["'\]]*[:.\[]["']?(?:constructor|prototype)\b)`},

	{templateInjection, 10, inURL, spaced, `(?:\{\{|\$\{|#\{|\*\{|@\(|<%=|\{%|\[\[|~\{|\{)=? ?` + probe + ` ?(?:\}\}|\}|\)|%>|%\}|\]\])`},
	{templateInjection, 10, inBody, spaced, `\A\S{0,16}(?:\{\{|\$\{|#\{|\*\{|@\(|<%=|\[\[)=? ?` + probe + ` ?(?:\}\}|\}|\)|%>|\]\])\S{0,16}\z`},
	{templateInjection, 10, inAll, spaced, few + template + `.*` + dunder},
	{templateInjection, 6, inURL, spaced, few + `(?:` + quote + quote + `|\)|\]|\w)\.` + dunder},
	{templateInjection, 10, inAll, spaced, few + template + `.*\|? ?attr ?\( ?` + quote + `(?:\\x5f|_)`},
	{templateInjection, 8, inURL, spaced, `\{\{ ?-? ?(?:config|self|request|settings|app|dump|_self|lipsum|cycler|joiner|namespace|url_for|get_flashed_messages|range|this|constructor|\$)(?:[.\[|(][^}]*)? ?\}\}`},
	{templateInjection, 8, inAll, spaced, few + template + `.*(?:_self\.env|registerundefinedfiltercallback|\| ?(?:filter|map|sort|reduce|join) ?\( ?` + quote + `(?:system|exec|passthru|shell_exec|phpinfo)|getruntime|java\.lang|\.getclass ?\(|forname ?\(|constructor ?\.? ?constructor|\.constructor ?\( ?` + quote + `|require ?\(|child_process|process\.|import os|system ?\(|popen ?\(|file\.(?:open|read)|io\.(?:popen|read)|exec ?\(|` + "`" + `|read_file|t\(java|\bnew java|freemarker\.template|\?new ?\( ?\)|\?api\b|lookup ?\(? ?(?:string|this)|range\.constructor|debug ?%\}|load_?file|phpinfo|getflag|env\.|(?:application|session|request)scope|facescontext|pagecontext|servletcontext|classloader)`},
	{templateInjection, 8, inAll, spaced, few + `(?:<#assign .*(?:\?new|execute)|freemarker\.template\.utility\.|\?new ?\( ?\)|#set ?\( ?\$\w+ ?=.*(?:class|runtime|exec|\$\w+ ?\*|\d+ ?\* ?\d+)|\$\w+\.(?:class\.|getclass)|\$class\.inspect|__\$\{.*\}__|\$\{t ?\(|\{(?:php|literal)\}|\{(?:if )?(?:system|passthru|exec|phpinfo) ?\(|\{smarty\.(?:version|template)|\$smarty\.(?:version|template)|\{\$smarty|smarty_internal_write_file|<%= ?(?:system|` + "`" + `|io\.|file\.|exec|dir\.|kernel|7)|<%- ?global|mako\.|tornado\.|\{%\s*(?:import|set \w+ ?=.*__|debug|include ?['"]/etc))`},
	{templateInjection, 3, inURL, spaced, `\{\{.*\}\}|\$\{.*\}|<%.*%>|\{%.*%\}`},
}

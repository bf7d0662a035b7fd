package page

var brazilian = Words{
	Lang: "pt-BR", Dir: "ltr",

	Title:     "Um momento, por favor",
	Detail:    "Este site verifica se não se trata de um robô. O seu navegador faz isso sozinho.",
	DetailAsk: "Este site verifica se não se trata de um robô.",
	Busy:      "Verificando o seu navegador…",
	Ask:       "Conclua a verificação, por favor.",
	Human:     "Não sou um robô",
	Done:      "Verificação concluída. A página está carregando…",
	Lost:      "Verificação concluída. Volte e envie o formulário novamente.",
	Failed:    "A verificação não funcionou.",
	Blocked:   "Não foi possível carregar a verificação. Talvez algo a bloqueie.",
	Cookies:   "O seu navegador não guarda cookies. Permita-os neste site, por favor.",
	NoScript:  "Ative o JavaScript neste site e recarregue a página, por favor.",
	Wait:      "Ou aperte o botão depois de %s.",
	Early:     "Ainda é cedo. Aperte o botão em %s.",
	Again:     "Tentar novamente",
	Continue:  "Continuar",
	Help:      "Se não conseguir continuar, informe ao responsável por este site a referência abaixo.",

	Denied:        "Acesso negado",
	DeniedText:    "No momento, este site não aceita solicitações do seu endereço de rede.",
	RefusedText:   "Este site não aceita esta solicitação, por causa do conteúdo ou da forma como foi enviada.",
	Unavailable:   "Indisponível",
	UncheckedText: "No momento, este site não consegue verificar a sua solicitação. Tente novamente mais tarde, por favor.",
	GuardedText:   "No momento, esta página recebe muitas solicitações suspeitas. Você pode tentar novamente em %s.",
	UnmetText:     "Este site não consegue verificar aqui as solicitações do seu endereço de rede. Abra primeiro a página inicial, ou tente novamente em %s.",
	TooMany:       "Muitas solicitações",
	TooManyText:   "Chegaram muitas solicitações do seu endereço de rede. Você pode tentar novamente em %s.",
	Mistake:       "Se você acha que isto é um engano, informe ao responsável por este site a referência abaixo.",

	Reference:   "Referência",
	Contact:     "Contato",
	Explanation: "Explicação",
	Time:        "Hora",

	second: []string{"um segundo", "%d segundos"},
	minute: []string{"um minuto", "%d minutos"},
	hour:   []string{"uma hora", "%d horas"},
	plural: oneOther,
}

"""The words that mail systems use, by what they mean. Each table is one pattern; a line holds what belongs together.

Languages: English first, then German, French, Spanish, Portuguese, Italian, Dutch, Russian, Polish, Czech, Turkish,
those of Scandinavia, Japanese, Chinese and Korean.
"""

import re


def words(*phrases: str, lines: bool = False) -> re.Pattern:
    return re.compile("|".join(phrases), re.IGNORECASE | (re.MULTILINE if lines else 0))


# What happened to the mail.

QUOTA = words(
    r"over ?quota|disk quota|quota\b.{0,40}(exceed|reach|full|over|violat)",
    r"(exceed|over|reached)\w*\b.{0,40}\bquota|(storage|mailbox) (size )?(quota|limit)",
    r"(mail ?box|in ?box|mail ?folder|mailfile|mail ?drop|maildir|account|user'?s? \w+) (is |was |over )*(too )?full",
    r"full mail ?box|(mailbox|message store|inbox) .{0,20}(exceed|maximum)|over the maximum allowed|user has exhausted",
    r"not enough (storage|disk|space)|insufficient (system )?(storage|disk)|out of storage|enough (disk )?space",
    r"too much (mail )?data|no space left",
    r"postfach .{0,30}voll|speicherplatz|bo[iî]te .{0,40}pleine|buz[oó]n .{0,20}lleno|cuota|caixa .{0,30}cheia",
    r"casella .{0,20}piena|postvak .{0,10}vol|переполнен|przepełnion|schránka .{0,20}plná|kutusu .{0,20}dolu",
    r"容量|いっぱい|已满|空间不足|용량",
)
DISABLED = words(
    r"(account|mailbox|user|recipient|address|alias)\b.{0,40}\b(disabled|suspended|deactivated|inactive|locked)",
    r"(account|mailbox|user)\b.{0,20}\b(on hold|expired|frozen|blocked due to inactivity|not active|terminated)",
    r"(disabled|inactive|suspended|locked|dormant) (account|mailbox|user|recipient)|has been (disabled|suspended)",
    r"(konto|postfach) .{0,20}(gesperrt|deaktiviert)|停止|заблокирован",
)
NO_DOMAIN = words(
    r"(host|domain|server|exchanger)( name)?s?\b.{0,30}\b(not found|unknown|non-?existent|not exist)",
    r"(unknown|no such|bad|illegal|invalid|nonexistent|(unable to|couldn't|can'?t|cannot) find( any)?) "
    r"(destination |mail )?(host|domain|exchanger)|couldn't find a mail exchanger|unrouteable mail domain",
    r"NXDOMAIN|name or service not known|does not exist in dns|malformed or unexpected name server reply",
    r"no (mx|a|dns) (record|or a record)s?\b.{0,30}(found|exist)|null ?mx|has no .{0,10}mx|unresolvable",
    r"no SMTP service|domain .{0,40}(does not|doesn't) accept (any )?mail",
)
NO_ADDRESS = words(
    r"(unknown|no such|invalid|non-?existent|unrecogni[sz]ed|bad|undefined) .{0,20}"
    r"(user|recipient|address|mailbox|account|name)",
    r"(user|recipient|address|mailbox|account|addressee|userid|person)\b.{0,60}\b(unknown|invalid|incorrect|no such"
    r"|not (found|exist|be found|listed|local|recogni[sz]ed)|unrecogni[sz]ed|no longer (exists|valid))",
    r"(not|isn't|is no) (a |an )?(known|valid|existing|registered) (user|recipient|address|mailbox|account|name)",
    r"not (listed|found) in .{0,30}(directory|address book|name)|no mailbox here|no account (here )?by that name",
    r"doesn'?t have an? \S+ account|address (couldn't|could not|was not) be? ?found|unrouteable address",
    r"(user|recipient) .{0,20}(not registered|isn't known)|this user doesn't|unable to find (user|recipient)",
    r"not our customer|no valid recipient",
    r"empf(ae|ä)nger .{0,30}(unbekannt|nicht)|unbekannte[rn]? (empf|benutzer|adress)|existiert nicht|nicht gefunden",
    r"adresse .{0,30}(inconnue|invalide|n'existe)|destinataire .{0,20}inconnu|utilisateur inconnu|n'existe pas",
    r"usuario .{0,20}(desconocido|no existe)|(direcci[oó]n|buz[oó]n) .{0,30}no (existe|se encontr)",
    r"usu[aá]rio .{0,20}(desconhecido|n[aã]o)|endere[cç]o .{0,30}(inv[aá]lido|n[aã]o)",
    r"utente sconosciuto|non esiste|onbekende (gebruiker|ontvanger)|bestaat niet",
    r"не существует|не найден|nie istnieje|neexistuje|usu[aá]rio inexistente",
    r"(kullanıcı|adres|alıcı)\w* .{0,20}(bulunamad|mevcut değil|yok\b)",
    r"(adress|mottagare|användare|modtager|bruger|mottaker|bruker)\w* .{0,20}(hittades inte|finns inte|fin[dn]es ikke)",
    r"(宛先|あて先|アドレス|ユーザー?).{0,20}(不明|存在し|見つか)|不存在|找不到|无此用户|존재하지",
)
AGAIN = words(r"try again|tempor|SERVFAIL|time(d)? ?out")
NOT_YET = words(
    r"expired|too long|retry|deferred|gave up|giving up after|within \d+ (hour|day)|delivery time",
    r"connection (refused|reset|lost|dropped|failed)|lost connection|connect(ed)? (failed|failure|to)",
    r"(can'?t|could ?n[o']t|unable to) connect|no route to host|unreachable|not (respond|reachable|accept our req)",
    r"network (error|problem)|too many hops|loop|hop ?count|service unavailable|server (busy|down)",
    r"(undeliverable|not (been )?delivered|undelivered) (for|after) \d+|zeit|délai|tiempo|истек",
)
SPAM = words(r"\bspam|\bjunk|\bvirus|mail reject|content filter|white ?list")
CLOSED = words(
    r"groups\.google\.com|permission to (post|send)|not (a )?members?\b|moderat|closed list|subscribers only"
)
UNWANTED = words(
    r"rejected by|refused by|not (allowed|permitted|authori[sz]ed)|denied|forbidden|restricted|unwelcome|infected",
    r"abgelehnt|verweigert|refus[eé]|rechazad|rejeitad|rifiutat|отклонен|拒",
)
# The server refused before it knew for whom the mail was: it is not about the address.
BEFORE_RECIPIENT = words(
    r"(in reply to|after|response to)( the)? (MAIL FROM|sender|initial connection|EHLO|HELO|greeting)",
    r"sender was rejected|>>> ?(MAIL|HELO|EHLO)\b",
)

# What kind of message it is.

DAEMON = words(
    r"mailer.?daemon|post.?master|mail.?(delivery|admin|system|router|server)|delivery.?(sub)?system|mdaemon",
    r"returned.?mail|system admin|bounce|mail_service|antivirus|gateway",
)
BOUNCE_SUBJECT = words(
    r"undeliver|non.?deliver|not delivered|returned|return(ing)? (message )?to sender|failure|failed|rejected|error",
    r"deliver(y|ing)\b.{0,30}(status|report|notif|problem|unsuccess|delay)|mail delivery|could not|couldn't|\bloop\b",
    r"unable to (send|deliver)|(message|mail) (status|delayed)",
    r"unzustellbar|zustellung|nicht zugestellt|non remis|no (se )?(pudo|entregad)|devuelto|mensaje|devolvid",
    r"non recapitat|niet (be|af)|не доставлен|недоставлен|niedostarcz|退信|配信|エラー|送信|返",
)
BOUNCE_WORDS = words(
    r"(could|can) ?not be delivered|was not delivered|(was|is) undeliverable|delivery (has )?failed|unable to deliver",
    r"nicht zugestellt werden|n'a pas pu [eê]tre (delivr|remis)|no (pudo|ha podido) ser entregad",
    r"não p[oô]de ser entregue",
)
DELAYED = words(
    r"\b(warning message only|(has been|is|was) delayed|not yet been delivered|still being (retried|tried))",
    r"\b(will (continue|be re|keep)|attempts will continue|(delivery|message) delayed|no action is required)",
    r"could not be delivered for",
)
GIVEN_UP = words(r"given up|giving up|permanent|has been removed|not going to try|returned|undeliverable\b")
AWAY_SUBJECT = words(
    r"^(auto|automat\w*|autosvar)\W|auto(matic|mated)?[- ]?(reply|response|answer)|autoreply",
    r"out of (the )?office|vacation|away from|on leave",
    r"abwesen|automatische (antwort|rückmeldung)|absence|réponse automatique|fuera de (la )?oficina|ausencia",
    r"respuesta autom|ausênc|resposta autom|risposta automatica|afwezig|automatisch antwoord",
    r"автоответ|нет на месте|nieobecno|自動返信|自动回复|不在",
)
COMPLAINT = words(r"this is an? (e-?mail )?(abuse|spam|fraud|opt-out) (report|complaint)")
COMPLAINT_SUBJECT = words(r"complaint about message from|^\[SpamCop \(")

# Where an address stands in a notice. The last two are tried on what stands before it in its line.

HEADING = words(
    r"did not reach|(following|these|some) (recipient|address|destination|user)\w*\b",
    r"(recipient|address)\(?e?s\)?( that)? failed|failed (recipient|address)|unable to deliver",
    r"(not be|wasn't) delivered to|undeliver\w+ (to|address)",
)
NOT_THEM = words(
    r"(^|[^a-z])(from|sender|envelope-from|return-path|reply-to|errors-to|cc|sent by|originator|return address|via|by"
    r"|contact|postmaster|help|help at|write to|send .{0,20}to|reply to|mailto|email us|assistance.{0,40}"
    r"|message-id|id)\W{0,6}$"
)
THEM = words(
    r"(^|[^a-z])(to|for|recipients?|address(es)?|users?|userid|mailbox|account|person|name|get"
    r"|destinat\w+|empf\w+|an|à|a|para|для)[^a-z0-9@]{0,8}$"
)

# Where the notice of a text bounce ends and the copy of our mail begins.
COPY = words(
    r"^[ \t>|]*[-=_*#~+]{2,80}[^\n]*\b(original|returned|undelivered|unsent|copy|message (header|text|body)|mensaje"
    r"|nachricht|(received|rejected) message)\b[^\n]*$",
    r"^[ \t]*(included is a copy of the message|original message headers|message headers? follows?"
    r"|((the|your) )?(original|returned) message follows|your message (follows|header))[^\n]*$",
    lines=True,
)

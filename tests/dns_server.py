"""A name server of our own on this machine: answers over UDP from a table, refuses or keeps silent on demand."""

import socket
import threading

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest


class NameServer:
    """`zone`: {(name, kind): [texts]}; `silent`: names that get no answer; `asked`: what came in."""

    def __init__(self):
        self.zone: dict[tuple[str, str], list[str]] = {}
        self.silent: set[str] = set()
        self.failing: set[str] = set()
        self.asked: list[tuple[str, str]] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def add(self, name: str, kind: str, *texts: str) -> None:
        """Add records; TXT in any length."""
        self.zone.setdefault((name, kind), []).extend(texts)

    def _serve(self) -> None:
        while True:
            octets, client = self._socket.recvfrom(4096)
            if not octets:
                return
            query = dns.message.from_wire(octets)
            question = query.question[0]
            name, kind = question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)
            self.asked.append((name, kind))
            if name not in self.silent:
                self._socket.sendto(self._answer(query, question, name, kind).to_wire(max_size=65_000), client)

    def _answer(self, query, question, name: str, kind: str) -> dns.message.Message:
        answer = dns.message.make_response(query, recursion_available=True)
        if name in self.failing:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif texts := self.zone.get((name, kind)):
            texts = [_quoted(text) for text in texts] if kind == "TXT" else texts
            answer.answer.append(dns.rrset.from_text(question.name, 300, "IN", kind, *texts))
        elif not any(known == name for known, _ in self.zone):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bell:
            bell.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()


def _quoted(text: str) -> str:
    """As several strings of at most 255 octets, as long records are."""
    return " ".join('"' + text[start : start + 200] + '"' for start in range(0, len(text), 200))


@pytest.fixture
def name_server():
    """An empty name server."""
    server = NameServer()
    yield server
    server.close()


@pytest.fixture
def nowhere(monkeypatch) -> None:
    """No name of a mail or web server leads anywhere, so that nothing waits for one."""

    def fail(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)

"""A small archipelago: keys, certificates, and what each island knows of the log."""

from protocol.membership import Membership
from protocol.session import Admit, SendGreeting, Session
from tests.attested import NOW, Log, genesis, signing_key


class Archipelago:
    """Island 0 founded it and certifies the others; `log` is its pen."""

    def __init__(self, size=3):
        self.keys = [signing_key(number + 1) for number in range(size)]
        self.ids = [key.island for key in self.keys]
        self.genesis = genesis(self.keys[0])
        self.log = Log(self.keys[0], self.genesis.hash)
        self.certificates = [self.log.certificate(key, signer=index == 0) for index, key in enumerate(self.keys)]

    def membership(self, *known, now=NOW):
        """What an island believes that has the certificates of `known` (all, unless given)."""
        membership = Membership(self.genesis)
        for index in known or range(len(self.keys)):
            membership.accept(self.certificates[index].raw, now)
        return membership

    def revoke(self, index):
        return self.log.revocation(self.ids[index])


def only(kind, actions):
    """The one action of that kind."""
    (found,) = [action for action in actions if isinstance(action, kind)]
    return found


def connect(ours, our_id, theirs, their_id, now=NOW):
    """Both ends of one connection that went well, as far as Admit; returns the two sessions and all actions."""
    dialler = Session(ours, our_id, their_id, dialler=True)
    accepter = Session(theirs, their_id, our_id, dialler=False)
    greeting = only(SendGreeting, dialler.start(now)).data
    assert accepter.start(now) == ()
    at_accepter = accepter.receive(greeting, now)
    at_dialler = dialler.receive(only(SendGreeting, at_accepter).data, now)
    assert only(Admit, at_accepter).member.island == our_id
    assert only(Admit, at_dialler).member.island == their_id
    return dialler, accepter, at_dialler, at_accepter

"""Which certificates the configuration names, as `net` takes them."""

from sipgate.config import Config, ConfigError, Listen, Problem, Upstream
from sipgate.net import CertificateError, ClientTls, Network, ServerTls


def server_tls(listen: Listen) -> ServerTls | None:
    """What a TLS listener shows; None for another transport."""
    if listen.transport != "tls":
        return None
    assert listen.certificate_file is not None  # the configuration was checked
    return ServerTls(
        certificate_file=listen.certificate_file,
        key_file=listen.key_file,
        ca_file=listen.ca_file,
        verify_client=listen.verify_client,
    )


def client_tls(upstream: Upstream) -> ClientTls:
    """How the targets of an upstream are met by TLS."""
    return ClientTls(
        ca_file=upstream.ca_file,
        certificate_file=upstream.certificate_file,
        key_file=upstream.key_file,
        server_name=upstream.server_name or "",
    )


def trust_upstreams(network: Network, config: Config) -> None:
    """Tell the network whom to believe. Raises CertificateError."""
    for upstream in config.upstream:
        for target in upstream.targets:
            if target.is_tls:
                network.trust(target.host, client_tls(upstream))


def check_certificates(config: Config) -> None:
    """Read all files and forget them. Raises ConfigError with each that can't be used."""
    problems = _contradictions(config)
    wanted: list[ServerTls | ClientTls | None] = [server_tls(listen) for listen in config.listen]
    wanted += [
        client_tls(upstream)
        for upstream in config.upstream
        if any(target.is_tls for target in upstream.targets)
    ]
    for one in wanted:
        if one is None:
            continue
        try:
            one.context()
        except CertificateError as error:
            problems.append(Problem(str(error.path), None, None, error.reason))
    if config.redress is not None:
        from .redress_card import read_signer  # cryptography, which few need

        try:
            read_signer(config.redress)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)


def _contradictions(config: Config) -> list[Problem]:
    """Upstreams that would meet one host by different certificates: a connection is to a host."""
    problems, by_host = [], dict[str, Upstream]()
    for upstream in config.upstream:
        for target in upstream.targets:
            if not target.is_tls:
                continue
            other = by_host.setdefault(target.host, upstream)
            if client_tls(other) != client_tls(upstream):
                told = f"upstreams {other.name} and {upstream.name} have other TLS settings"
                problems.append(Problem(f"target {target.host}", None, None, told))
    return problems

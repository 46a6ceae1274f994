/** The certificates in use, and until when. */
import { html, type Html } from './html.ts';
import { table } from './table.ts';
import { day, foreign, span } from './units.ts';
import type { StatusReport } from '../report.ts';
import type { CertificateReport } from '../../settings/certificate-report.ts';

export function certificates({ certificates, now }: StatusReport): Html {
  return html`<section id="certificates" class="half">
    <h2>Certificates</h2>
    ${table<CertificateReport>({
      id: 'certificate-table',
      caption: 'Certificates in use',
      columns: [
        { head: 'Setting', cell: ({ token }) => html`<code>${token}</code>`, names: true },
        { head: 'Until', cell: ({ validTo }) => html`${day(validTo)}<br />${left(validTo, now)}` },
        { head: 'Subject', cell: subject, kind: 'name' },
        { head: 'Issuer', cell: issuer, kind: 'name' },
      ],
      rows: certificates,
      key: ({ token, subject, validTo }) => `${token} ${subject} ${String(validTo)}`,
      empty: 'None: TLS is off',
    })}
  </section>`;
}

function subject({ subject, names, file }: CertificateReport): Html {
  return html`${foreign(subject)}${names.map((name) => html`<br />${foreign(name)}`)}<br /><code
      >${file}</code
    >`;
}

function issuer({ issuer, chain }: CertificateReport): Html {
  return html`${foreign(issuer)}<br /><span class="${chain.complete ? 'none' : 'bad'}">${chain.text}</span>`;
}

function left(validTo: number, now: number): Html {
  return validTo < now ? html`<span class="bad">expired</span>` : html`${span((validTo - now) / 1000)} left`;
}

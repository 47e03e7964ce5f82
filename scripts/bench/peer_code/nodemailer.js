// A pool of nodemailer with a queue in MariaDB: `nodemailer.js fill MAILS`, then `nodemailer.js send LETTER`.
const { readFileSync } = require('fs')
const mysql = require('mysql2/promise')
const nodemailer = require('nodemailer')

const BATCH = 1000
const CONNECTIONS = 5

async function database() {
  return mysql.createConnection({ host: '127.0.0.1', port: +process.env.BENCH_DATABASE_PORT, user: 'root', database: 'nodemailer' })
}

async function fill(mails) {
  const db = await database()
  await db.query(`CREATE TABLE queue (id BIGINT AUTO_INCREMENT PRIMARY KEY, email VARCHAR(254) NOT NULL,
    status VARCHAR(10) NOT NULL DEFAULT 'pending', KEY (status, id))`)
  for (let start = 0; start < mails; start += 10000) {
    const rows = Array.from({ length: Math.min(10000, mails - start) }, (_, n) => [`reader${start + n}@mail.example.com`])
    await db.query('INSERT INTO queue (email) VALUES ?', [rows])
  }
  await db.end()
}

async function claim(db) {
  await db.beginTransaction()
  const [rows] = await db.query("SELECT id, email FROM queue WHERE status='pending' ORDER BY id LIMIT ? FOR UPDATE SKIP LOCKED", [BATCH])
  if (rows.length) await db.query("UPDATE queue SET status='sending' WHERE id IN (?)", [rows.map(row => row.id)])
  await db.commit()
  return rows
}

async function send(letter) {
  const db = await database()
  const html = readFileSync(letter, 'utf8')
  const pool = nodemailer.createTransport({
    host: '127.0.0.1', port: +process.env.BENCH_SMTP_PORT, pool: true, maxConnections: CONNECTIONS, maxMessages: Infinity, ignoreTLS: true
  })
  for (let rows = await claim(db); rows.length; rows = await claim(db)) {
    await Promise.all(rows.map(row => pool.sendMail({
      from: 'account@bench.example.com',
      to: row.email,
      subject: `Greta ${row.id}, the winter loaves are here`,
      text: `Good morning, Greta ${row.id}\n\nThe bakers of Antwerp have been up since four.\n`,
      html: html.replaceAll('{{ first_name }}', `Greta ${row.id}`)
    })))
    await db.query("UPDATE queue SET status='sent' WHERE id IN (?)", [rows.map(row => row.id)])
  }
  pool.close()
  await db.end()
}

const [what, argument] = process.argv.slice(2)
if (what === 'fill') fill(+argument)
else send(argument)

// Writing a message. All of it works without this file: the HTML area, and a button that shows it in the frame.
// Custom elements, so that a form which comes back from the server with its errors is alive again.

const formOf = () => document.getElementById('campaign-form')

const answer = async (url, form) => {
  const response = await fetch(url, { method: 'POST', body: new FormData(form) })
  if (!response.ok) throw new Error(response.statusText)
  return response.text()
}

const typed = field => field.dispatchEvent(new Event('input', { bubbles: true }))

// --- the frame ------------------------------------------------------------------------------------------------------

// Each look loads behind the frame that is shown and then takes its place: no flicker, and no step of the back button.
customElements.define('mail-preview', class extends HTMLElement {
  connectedCallback() {
    this.stage = this.querySelector('.stage')
    this.show = this.querySelector('[formtarget]')
    this.count = 0
    this.onInput = event => {
      if (event.target.form !== formOf() || ['to', 'account_id', 'name'].includes(event.target.name)) return
      clearTimeout(this.timer)
      this.timer = setTimeout(() => this.refresh(), 400)
    }
    document.addEventListener('input', this.onInput)
    this.addEventListener('change', event => { if (event.target.name === 'part') this.turn(event.target.value) })
    // Another recipient comes with another #look.
    this.watch = new MutationObserver(() => {
      const now = document.querySelector('[name=viewer_id]')?.value
      if (now !== this.viewer) { this.viewer = now; this.refresh() }
    })
    this.watch.observe(this.parentElement, { childList: true })
    this.viewer = document.querySelector('[name=viewer_id]')?.value
    this.sizes = new ResizeObserver(() => this.fit())
    this.sizes.observe(this.stage)
    this.turn(this.querySelector('[name=part]:checked')?.value || 'html')
  }

  disconnectedCallback() {
    document.removeEventListener('input', this.onInput)
    this.watch.disconnect()
    this.sizes.disconnect()
  }

  turn(view) {
    this.dataset.view = view
    this.fit()
    this.refresh()
  }

  // A screen of 680 pixels for the desktop, made smaller where there is less room.
  fit() {
    const room = this.stage.clientWidth
    const width = this.dataset.view === 'phone' ? 375 : Math.max(room, this.dataset.view === 'html' ? 680 : 0)
    const scale = Math.min(1, room / width)
    this.stage.style.setProperty('--width', `${width}px`)
    this.stage.style.setProperty('--scale', scale)
    this.stage.style.setProperty('--left', `${Math.round((room - width * scale) / 2)}px`)
  }

  refresh() {
    const form = formOf()
    if (!form) return
    this.next?.remove()
    const shown = this.stage.querySelector('iframe')
    const next = this.next = shown.cloneNode()
    next.removeAttribute('src')
    next.name = `preview-${++this.count}`
    next.classList.add('is-loading')
    this.stage.append(next)
    this.show.formTarget = next.name
    form.requestSubmit(this.show)
    next.addEventListener('load', () => {
      if (this.next !== next) return
      next.classList.remove('is-loading')
      shown.remove()
      this.next = null
    })
  }
})

// --- HTML or a letter -----------------------------------------------------------------------------------------------

const KEPT = new Set('A B BLOCKQUOTE BR CODE DEL DIV EM H1 H2 H3 I LI OL P PRE S SPAN STRIKE STRONG U UL'.split(' '))
const GONE = 'script, style, link, meta, title, head, template'

// What the rich-text editor cannot hold, in words.
const losses = body => {
  const found = []
  const add = (selector, one, many) => {
    const count = body.querySelectorAll(selector).length
    if (count) found.push(count === 1 ? `1 ${one}` : `${count} ${many}`)
  }
  add('table', 'table', 'tables')
  add('img, svg, video', 'picture', 'pictures')
  if (body.querySelector('[data-style], [bgcolor], [color], font, center')) {
    found.push('colours, sizes and spacing')
  }
  const others = [...body.querySelectorAll('*')].map(element => element.tagName)
    .filter(name => !KEPT.has(name) && !/^(TABLE|TBODY|THEAD|TFOOT|TR|TD|TH|IMG|SVG|VIDEO|FONT|CENTER|STYLE|SCRIPT)$/.test(name))
  if (others.length) found.push(`<${[...new Set(others)].slice(0, 4).join('>, <').toLowerCase()}>`)
  return found
}

// The page's policy holds for what it parses, too: styles would be reported as attacks.
const parsed = html => {
  const harmless = html.replace(/<style\b[\s\S]*?(<\/style\s*>|$)/gi, '').replace(/(\s)style(\s*=)/gi, '$1data-style$2')
  return new DOMParser().parseFromString(harmless, 'text/html').body
}

const isEmpty = node => !node.textContent.trim() && !node.querySelector('img')

// The words of a layout: every cell and paragraph a block of its own, what only a mail program reads left out.
const words = body => {
  body.querySelectorAll(GONE).forEach(element => element.remove())
  body.querySelectorAll('[data-style*="display:none"], [data-style*="display: none"]').forEach(element => element.remove())
  body.querySelectorAll('img').forEach(image => image.replaceWith(image.alt || ''))
  body.querySelectorAll('h2, h3').forEach(title => {
    const heading = body.ownerDocument.createElement('h1')
    heading.append(...title.childNodes)
    title.replaceWith(heading)
  })
  const wrappers = 'table, tbody, thead, tfoot, tr, td, th, center, section, article, header, footer, main'
  for (const element of [...body.querySelectorAll(wrappers)].reverse()) {
    const block = body.ownerDocument.createElement('div')
    block.append(...element.childNodes)
    element.replaceWith(block)
  }
  for (const element of [...body.querySelectorAll('div, p, span')].reverse()) {
    if (isEmpty(element)) element.remove()
    else if (element.tagName === 'DIV' && element.querySelector('div, p, h1, ul, ol, blockquote, pre')) {
      element.replaceWith(...element.childNodes)
    }
  }
  return body.innerHTML
}

customElements.define('message-editor', class extends HTMLElement {
  connectedCallback() {
    this.html = this.querySelector('#html')
    this.rich = this.querySelector('#rich')
    this.mode = this.querySelector('[name=mode]')
    this.toolbar = this.querySelector('trix-toolbar')
    this.made = null // the HTML that was made from the letter
    this.addEventListener('click', event => this.clicked(event))
    this.addEventListener('keydown', event => this.pressed(event))
    this.addEventListener('trix-change', () => { this.pressedButtons(); if (this.mode.value === 'rich') typed(this.rich) })
    this.addEventListener('trix-selection-change', () => this.pressedButtons())
    // Files are attached below, and pictures need an address of their own on the web.
    this.addEventListener('trix-file-accept', event => event.preventDefault())
    if (this.mode.dataset.begin === 'rich') this.write(this.rich.value)
  }

  clicked(event) {
    const button = event.target.closest('button, input[type=button]')
    if (!button) return
    if (button.dataset.mode === 'rich' && this.mode.value === 'html') this.turnIntoLetter()
    else if (button.dataset.mode === 'html' && this.mode.value === 'rich') this.turnIntoHtml()
    else if ('convert' in button.dataset) this.convert()
    else if ('stay' in button.dataset) this.warn(false)
    else if ('back' in button.dataset) this.source(this.kept)
    // Trix listens to the mouse alone; a button that was pressed by the keyboard has no detail.
    else if (event.detail === 0 && button.matches('[data-trix-attribute], [data-trix-action]')) {
      button.dispatchEvent(new MouseEvent('mousedown', { bubbles: true, cancelable: true }))
      if (button.dataset.trixAttribute !== 'href') button.focus()
    }
  }

  pressed(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    const buttons = [...this.toolbar.querySelectorAll('button:not(:disabled)')]
    const at = buttons.indexOf(event.target)
    if (!step || at < 0) return
    event.preventDefault()
    buttons[(at + step + buttons.length) % buttons.length].focus()
  }

  pressedButtons() {
    for (const button of this.toolbar.querySelectorAll('[data-trix-attribute]')) {
      button.setAttribute('aria-pressed', button.hasAttribute('data-trix-active'))
    }
  }

  turnIntoLetter() {
    if (!this.html.value.trim()) return this.write('')
    if (this.html.value === this.made) return this.write(this.rich.value)
    const lost = losses(parsed(this.html.value))
    if (!lost.length) return this.convert()
    this.querySelector('[data-losses]').textContent = `It would lose: ${lost.join(', ')}. The text and its links stay.`
    this.warn(true)
  }

  warn(shown) {
    this.querySelector('[data-warning]').hidden = !shown
    if (shown) this.querySelector('[data-convert]').focus()
  }

  convert() {
    this.kept = this.html.value
    this.warn(false)
    this.write(words(parsed(this.html.value)), true)
  }

  async turnIntoHtml() {
    this.made = await answer(this.dataset.letter, formOf())
    this.source(this.made)
  }

  source(html) {
    this.html.value = html
    this.turn('html')
    typed(this.html)
  }

  async write(html, converted = false) {
    this.rich.value = html
    this.turn('rich')
    this.querySelector('[data-kept]').hidden = !converted
    await this.load()
    const editor = this.querySelector('trix-editor').editor
    if (converted || this.loaded) editor.loadHTML(html)
    this.loaded = true
    if (converted) typed(this.rich)
  }

  // The library is fetched when somebody writes a letter, not before.
  load() {
    if (!document.querySelector('script[data-trix]')) {
      const script = document.createElement('script')
      script.dataset.trix = ''
      script.src = this.dataset.trix
      document.head.append(script)
    }
    return customElements.whenDefined('trix-editor').then(() => new Promise(done => {
      const ready = () => this.querySelector('trix-editor').editor ? done() : setTimeout(ready, 10)
      ready()
    }))
  }

  turn(mode) {
    this.mode.value = mode
    this.querySelector('.rich').hidden = mode !== 'rich'
    this.querySelector('.source').hidden = mode !== 'html'
    this.querySelector('[data-kept]').hidden = true
    this.warn(false)
    for (const button of this.querySelectorAll('[data-mode]')) button.setAttribute('aria-pressed', button.dataset.mode === mode)
    for (const hint of this.querySelectorAll('[data-hint]')) hint.hidden = hint.dataset.hint !== mode
  }
})

// --- merge tags, plain text -----------------------------------------------------------------------------------------

let lastField = null

document.addEventListener('focusin', event => {
  if (event.target.matches('#subject, #preheader, #html, #text, trix-editor')) lastField = event.target
})

const insert = text => {
  const editor = document.querySelector('message-editor')
  const writing = editor.mode.value === 'rich' ? editor.querySelector('trix-editor') : editor.html
  let field = lastField?.isConnected ? lastField : writing
  if (field.matches('trix-editor, #html')) field = writing
  if (field.editor) return field.editor.insertString(text)
  field.focus()
  field.setRangeText(text, field.selectionStart, field.selectionEnd, 'end')
  typed(field)
}

document.addEventListener('click', async event => {
  const button = event.target.closest('[data-insert], [data-text], [data-text-clear]')
  if (!button) return
  if (button.dataset.insert) return insert(button.dataset.insert)
  const field = document.getElementById('text')
  field.value = button.dataset.text ? await answer(button.dataset.text, formOf()) : ''
  typed(field)
})

// --- what was typed survives the end of a session --------------------------------------------------------------------

const MEMORY = new Set(['name', 'list_id', 'sender_name', 'sender_email', 'reply_to', 'subject', 'preheader', 'mode', 'rich', 'html', 'text'])
const values = form => Object.fromEntries([...new FormData(form)].filter(([name]) => MEMORY.has(name)))
const placeOf = form => `blaster ${form.dataset.keep} ${location.pathname}`

document.addEventListener('input', event => {
  const form = formOf()
  if (event.target.form !== form) return
  try { sessionStorage.setItem(placeOf(form), JSON.stringify(values(form))) } catch { /* no room: the server keeps it */ }
})

const putBack = (form, kept) => {
  for (const [name, value] of Object.entries(kept)) if (form.elements[name] && name !== 'mode') form.elements[name].value = value
  const editor = form.querySelector('message-editor')
  if (kept.mode === 'rich') editor.write(kept.rich, true)
  else editor.source(kept.html || '')
}

const remember = form => {
  const before = document.referrer && new URL(document.referrer).pathname
  // A draft that has just been made: what was typed for it is in it.
  if (before?.endsWith('/new') && !location.pathname.endsWith('/new')) sessionStorage.removeItem(`blaster ${form.dataset.keep} ${before}`)
  const place = placeOf(form), stored = sessionStorage.getItem(place)
  if (!stored) return
  const kept = JSON.parse(stored), now = { ...values(form), mode: form.querySelector('[name=mode]').dataset.begin }
  const differs = name => (kept[name] || '').replace(/\r\n/g, '\n') !== (now[name] || '').replace(/\r\n/g, '\n')
  const names = Object.keys(kept).filter(name => name !== 'mode' && name !== (kept.mode === 'rich' ? 'html' : 'rich'))
  if (!names.some(differs)) return sessionStorage.removeItem(place)
  const notice = document.getElementById('unsaved').content.firstElementChild.cloneNode(true)
  notice.addEventListener('click', event => {
    if (event.target.closest('[data-put-back]')) putBack(form, kept)
    else if (event.target.closest('[data-forget]')) sessionStorage.removeItem(place)
    else return
    notice.remove()
  })
  form.prepend(notice)
}

document.addEventListener('DOMContentLoaded', () => { if (formOf()) remember(formOf()) })

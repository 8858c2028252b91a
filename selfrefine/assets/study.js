const cells = [...document.querySelectorAll('.cells button')], g = Math.sqrt(cells.length)
const say = document.querySelector('[role=status]'), go = document.querySelector('.go'), field = document.querySelector('[name=cells]')
const pressed = c => c.getAttribute('aria-pressed') == 'true'
function tell(words) {
  const chosen = cells.flatMap((c, i) => pressed(c) ? [i] : [])
  field.value = chosen.join(' '); go.disabled = chosen.length != 3
  say.textContent = words || `${chosen.length} of 3 chosen`
}
cells.forEach((c, i) => {
  c.onclick = () => {
    if (!pressed(c) && cells.filter(pressed).length == 3) return tell('Three are chosen; take one back to choose another')
    c.setAttribute('aria-pressed', !pressed(c)); tell()
  }
  c.onkeydown = e => {
    const [y, x] = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[e.key] || [0, 0]
    const row = Math.floor(i/g) + y, column = i%g + x
    if (!x && !y) return
    e.preventDefault()
    if (row < 0 || row >= g || column < 0 || column >= g) return
    const to = cells[row*g + column]
    c.tabIndex = -1; to.tabIndex = 0; to.focus()
  }
})
addEventListener('pageshow', () => tell())
